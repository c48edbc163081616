"""`bench testnet`: how many transfers a second a whole network makes final, and how soon.

Real processes, real sockets, every block durable before anybody votes for it; every node checks everything.  The client,
a process of its own on the same machine, signs before the clock starts and offers an open load to all nodes in turn.
A load counts as borne when every transfer became final, none was refused, and p99 stayed below three slots.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from p2pchain.bench.errors import NotMeasured
from p2pchain.bench.load.client import Load, open_load
from p2pchain.bench.load.judging import SLOTS_P99, lateness, shortfall
from p2pchain.bench.load.orders import Opening, Outcome, Step
from p2pchain.bench.load.ramp import find_highest
from p2pchain.bench.machine import describe_machine
from p2pchain.bench.processes import cpu_seconds, resident_mb
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Curve, Figures, Result, Series, number, rounded
from p2pchain.bench.testbed import MakeNetwork, RunningNode, Wanted
from p2pchain.bench.transfers import sender_keys
from p2pchain.bench.verify import limit_figures, measure_limit
from p2pchain.chain.types import AccountId

PATIENCE_SLOTS = 30
FIRST_SHARE = 0.25
"""Of what the machine could check at most: where a ramp begins."""
COLUMNS = ("offered_a_second", "seconds", "final", "p50_s", "p99_s", "max_s", "node_cpu_us", "node_mb", "client_lag_p99_s", "not_borne")
HOLD_LESS = 0.9
"""What a load that was borne for a step and not for long is lowered to."""
_HOLDS_MAX = 5


class Plan(NamedTuple):
    delegates: int
    slot_ms: int
    senders: int
    seconds: float
    """Of each step."""
    rate: float | None
    """One load alone; None for a ramp."""
    hold_s: float
    """How long the highest load of a ramp must be borne; 0 for not at all."""
    seed: int
    profile: Path | None


@dataclass(slots=True)
class Trial:
    """One step after the other against one network."""

    plan: Plan
    load: Load
    nodes: Sequence[RunningNode]
    progress: Progress
    rows: list[Figures] = field(default_factory=list)
    late: str = ""
    """Why the last step was none: the client did not offer it."""

    def is_borne(self, rate: float, seconds: float | None = None) -> bool:
        step = Step(rate, seconds or self.plan.seconds, PATIENCE_SLOTS * self.plan.slot_ms / 1_000)
        self.progress.begin(f"{rate:,.0f} a second for {step.seconds:g} s", 1)
        before, began = [cpu_seconds(node.pid) for node in self.nodes], time.perf_counter()
        outcome = self.load.run(step)
        busy = [cpu_seconds(node.pid) - first for node, first in zip(self.nodes, before, strict=True)]
        self.progress.advance()
        self.late = lateness(outcome, self.plan.slot_ms)
        short = self.late or shortfall(step, outcome, self.plan.slot_ms)
        used = {
            "node_cpu_us": 1e6 * sum(busy) / len(busy) / max(1, outcome.final),
            "node_mb": max(resident_mb(node.pid) for node in self.nodes),
        }
        self.rows.append(_row(rate, step, outcome, used, short, time.perf_counter() - began))
        return not short


def _row(rate: float, step: Step, outcome: Outcome, used: dict[str, float], short: str, wall_s: float) -> Figures:
    def seconds(value: float) -> float | None:
        return rounded(value) if outcome.final else None

    return {
        "offered_a_second": rounded(rate, 4),
        "seconds": step.seconds,
        "offered": outcome.offered,
        "final": outcome.final,
        "final_a_second": rounded(outcome.final / max(outcome.final_s, 1e-9), 4) if outcome.final else 0,
        "p50_s": seconds(outcome.p50_s),
        "p90_s": seconds(outcome.p90_s),
        "p99_s": seconds(outcome.p99_s),
        "max_s": seconds(outcome.max_s),
        "blocks": outcome.blocks,
        "node_cpu_us": rounded(used["node_cpu_us"]),
        "node_mb": rounded(used["node_mb"]),
        "client_cpu_us": rounded(1e6 * outcome.client_cpu_s / max(1, outcome.submitted)),
        "client_lag_p99_s": rounded(outcome.lag_p99_s),
        "wall_s": rounded(wall_s),
        "not_borne": short,
    }


def measure_testnet(plan: Plan, make_network: MakeNetwork, progress: Progress) -> Result:
    machine = describe_machine()
    limit = measure_limit(plan.seed, progress)
    funded = [AccountId(key.public_key) for key in sender_keys(plan.seed, plan.senders)]
    progress.begin(f"starting {plan.delegates} nodes", 1)
    with make_network(Wanted(plan.delegates, plan.slot_ms, funded, plan.profile)) as network:
        progress.advance()
        urls = [node.api for node in network.nodes]
        with open_load(Opening(plan.seed, plan.senders, urls, urls[0])) as load:
            trial = Trial(plan, load, network.nodes, progress)
            row = _best_row(trial, limit / plan.delegates)
    limit = max(limit, measure_limit(plan.seed, progress))
    return _result(plan, row, trial.rows, limit, machine)


def _best_row(trial: Trial, ceiling: float) -> Figures:
    """The step whose figures are the result; `NotMeasured` where there is none."""
    plan = trial.plan
    if plan.rate is not None:
        trial.is_borne(plan.rate)
        if trial.late:
            raise NotMeasured(f"{plan.rate:,.0f} transfers a second were not offered: {trial.late}")
        return trial.rows[-1]
    rate = find_highest(max(1.0, FIRST_SHARE * ceiling), trial.is_borne)
    if rate is None:
        raise NotMeasured(f"no load was borne, however small: {trial.rows[-1]['not_borne']}")
    if not plan.hold_s:
        return max((row for row in trial.rows if not row["not_borne"]), key=_offered)
    for _ in range(_HOLDS_MAX):
        if trial.is_borne(rate, plan.hold_s):
            return trial.rows[-1]
        rate *= HOLD_LESS
    raise NotMeasured(f"no load near the highest was borne for {plan.hold_s:g} s: {trial.rows[-1]['not_borne']}")


def _offered(row: Figures) -> float:
    return number(row, "offered_a_second")


def _result(plan: Plan, best: Figures, rows: Sequence[Figures], limit: float, machine: dict[str, str | int | float]) -> Result:
    ceiling = limit / plan.delegates
    final = number(best, "final_a_second")
    figures: Figures = {name: value for name, value in best.items() if name != "not_borne"}
    figures |= {"borne": not best["not_borne"], "delegates": plan.delegates, "slot_ms": plan.slot_ms, "senders": plan.senders}
    figures |= {"more_was_not_borne" if figures["borne"] else "not_borne": _first_failure(rows)}
    return Result(
        "testnet",
        f"transfers made final by {plan.delegates} node processes on one machine, durable, over sockets, open load from one client process "
        f"that signs beforehand; latency from the moment due to finality in the event stream of one node; borne means all final, none "
        f"refused, p99 below {SLOTS_P99} slots",
        figures,
        limit_figures(limit)
        | {"transactions_a_second": rounded(ceiling, 4), "transactions": f"each signature checked once by each of {plan.delegates} nodes"},
        rounded(final / ceiling),
        seed=plan.seed,
        rows=rows,
        columns=COLUMNS,
        curve=_curve(rows, plan.slot_ms),
        machine=machine,
    )


def _first_failure(rows: Sequence[Figures]) -> str | None:
    """Why not more: what the lowest load that was not borne suffered from, the client's own lateness included."""
    failed = [row for row in rows if row["not_borne"]]
    return str(min(failed, key=_offered)["not_borne"]) if failed else None


def _curve(rows: Sequence[Figures], slot_ms: int) -> Curve:
    series = []
    for name in ("p50_s", "p99_s"):
        points = [(_offered(row), float(value)) for row in rows if isinstance(value := row[name], int | float)]
        series.append(Series(name.removesuffix("_s"), sorted(points)))
    mark = (f"{SLOTS_P99} slots", SLOTS_P99 * slot_ms / 1_000)
    return Curve("Submit to final, by load", "transfers offered a second", "seconds", series, mark)
