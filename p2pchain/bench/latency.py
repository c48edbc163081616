"""`bench latency`: how soon a transfer is final, idle and at half load, with all nodes up and with one dead."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from p2pchain.bench.errors import NotMeasured
from p2pchain.bench.load.client import Load, open_load
from p2pchain.bench.load.orders import Opening
from p2pchain.bench.load.ramp import find_highest
from p2pchain.bench.machine import Described, describe_machine
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Curve, Figures, Result, Series, number, rounded
from p2pchain.bench.testbed import MakeNetwork, Testbed, Wanted
from p2pchain.bench.testnet import COLUMNS, FIRST_SHARE, Trial
from p2pchain.bench.testnet import Plan as LoadPlan
from p2pchain.bench.transfers import sender_keys
from p2pchain.bench.verify import limit_figures, measure_limit
from p2pchain.chain.types import AccountId

IDLE_RATE = 3.7
"""Transfers a second into an idle network: no multiple of any slot, so each begins at another point of its slot."""
_RAMP_STEP_S = 5.0


class Plan(NamedTuple):
    delegates: int
    slot_ms: int
    senders: int
    seconds: float
    capacity: float | None
    """What half load is half of; None looks for it with a short ramp."""
    seed: int


def measure_latency(plan: Plan, make_network: MakeNetwork, progress: Progress) -> Result:
    machine = describe_machine()
    limit = measure_limit(plan.seed, progress)
    funded = [AccountId(key.public_key) for key in sender_keys(plan.seed, 2 * plan.senders)]
    progress.begin(f"starting {plan.delegates} nodes", 1)
    with make_network(Wanted(plan.delegates, plan.slot_ms, funded)) as network:
        progress.advance()
        with _opened(plan, network, 0) as load:
            capacity = plan.capacity or _capacity(_trial(plan, load, network, progress, _RAMP_STEP_S), limit / plan.delegates)
            rows = _both(_trial(plan, load, network, progress, plan.seconds), capacity, "all up")
        if plan.delegates > 1:
            network.kill(network.nodes[-1].name)
            with _opened(plan, network, plan.senders) as load:
                rows += _both(_trial(plan, load, network, progress, plan.seconds), capacity, "one dead")
    limit = max(limit, measure_limit(plan.seed, progress))
    return _result(plan, capacity, rows, limit, machine)


def _opened(plan: Plan, network: Testbed, first: int) -> AbstractContextManager[Load]:
    urls = [node.api for node in network.nodes]
    return open_load(Opening(plan.seed, plan.senders, urls, urls[0], first))


def _trial(plan: Plan, load: Load, network: Testbed, progress: Progress, seconds: float) -> Trial:
    steps = LoadPlan(plan.delegates, plan.slot_ms, plan.senders, seconds, None, 0, plan.seed, None)
    return Trial(steps, load, network.nodes, progress)


def _capacity(trial: Trial, ceiling: float) -> float:
    found = find_highest(max(1.0, FIRST_SHARE * ceiling), trial.is_borne)
    if found is None:
        raise NotMeasured(f"no load was borne, so there is no half of it: {trial.rows[-1]['not_borne']}")
    return found


def _both(trial: Trial, capacity: float, nodes: str) -> list[Figures]:
    """Idle and half load.  What was not borne has no latency: half load must be below what the network bears."""
    rows: list[Figures] = []
    for words, rate in (("idle", IDLE_RATE), ("half load", capacity / 2)):
        trial.is_borne(rate)
        row = trial.rows[-1]
        if row["final"] != row["offered"] or trial.late:
            raise NotMeasured(f"{words}, {nodes}: {row['not_borne']}")
        rows.append({"load": words, "nodes": nodes, **row})
    return rows


def _result(plan: Plan, capacity: float, rows: Sequence[Figures], limit: float, machine: Described) -> Result:
    figures: Figures = {"half_load_a_second": rounded(capacity / 2, 4), "delegates": plan.delegates, "slot_ms": plan.slot_ms}
    for row in rows:
        name = f"{row['load']}_{row['nodes']}".replace(" ", "_")
        figures |= {f"{name}_p50_s": row["p50_s"], f"{name}_p99_s": row["p99_s"]}
    return Result(
        "latency",
        f"from the moment a transfer was due until the event stream of one node said final, {plan.seconds:g} s each, "
        f"{plan.delegates} node processes; idle is {IDLE_RATE} transfers a second; one dead means killed, and nobody waits for it",
        figures,
        limit_figures(limit) | {"transactions_a_second": rounded(limit / plan.delegates, 4), "share": "of half load, not of latency"},
        rounded(capacity / 2 / (limit / plan.delegates)),
        seed=plan.seed,
        rows=rows,
        columns=("load", "nodes", *COLUMNS),
        curve=_curve(rows),
        machine=machine,
    )


def _curve(rows: Sequence[Figures]) -> Curve:
    """Each case as a line through its quantiles."""
    shares = (("p50_s", 50), ("p90_s", 90), ("p99_s", 99), ("max_s", 100))
    series = [Series(f"{row['load']}, {row['nodes']}", [(share, number(row, name)) for name, share in shares]) for row in rows]
    return Curve("Submit to final", "percent of the transfers", "seconds", series)
