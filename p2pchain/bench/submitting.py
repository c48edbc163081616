"""`bench api`: what handing in a transaction costs a node, one in a request, many in a request, and in a stream.

One node that is its own network, so that nothing but the way in differs: every transfer is also checked, put into a
block and made final.  One connection, one request after the other, so this is a rate of one client, not of the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.bench.errors import NotMeasured
from p2pchain.bench.load.client import Load, open_load
from p2pchain.bench.load.orders import Opening, Rush
from p2pchain.bench.machine import Described, describe_machine
from p2pchain.bench.processes import cpu_seconds
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Curve, Figures, Result, Series, number, rounded
from p2pchain.bench.testbed import MakeNetwork, RunningNode, Wanted
from p2pchain.bench.transfers import sender_keys
from p2pchain.bench.verify import limit_figures, measure_limit
from p2pchain.chain.types import AccountId

BATCHES = (1, 10, 100, 1_000, 0)
"""Transactions in a request; 0 is the stream."""
SINGLE_SHARE = 10
"""One in a request costs so much more that a tenth of the transfers tell as much."""
_PATIENCE_S = 60.0


class Plan(NamedTuple):
    transactions: int
    senders: int
    slot_ms: int
    seed: int


def measure_api(plan: Plan, make_network: MakeNetwork, progress: Progress) -> Result:
    machine = describe_machine()
    limit = measure_limit(plan.seed, progress)
    funded = [AccountId(key.public_key) for key in sender_keys(plan.seed, plan.senders)]
    progress.begin("starting a node", 1)
    with make_network(Wanted(1, plan.slot_ms, funded)) as network:
        progress.advance()
        node = network.nodes[0]
        with open_load(Opening(plan.seed, plan.senders, [node.api], node.api)) as load:
            _try(load, node, Rush(100, 100, _PATIENCE_S), progress)
            rows = [_try(load, node, _rush(plan, batch), progress) for batch in BATCHES]
    limit = max(limit, measure_limit(plan.seed, progress))
    return _result(plan, rows, limit, machine)


def _rush(plan: Plan, batch: int) -> Rush:
    count = plan.transactions if batch != 1 else max(1, plan.transactions // SINGLE_SHARE)
    return Rush(count, batch, _PATIENCE_S)


def _try(load: Load, node: RunningNode, rush: Rush, progress: Progress) -> Figures:
    words = f"{rush.batch} in a request" if rush.batch else "in a stream"
    progress.begin(f"{rush.transfers:,} transfers, {words}", 1)
    cpu = cpu_seconds(node.pid)
    found = load.rush(rush)
    used = cpu_seconds(node.pid) - cpu
    progress.advance()
    if found.refused or found.final < found.submitted:
        counts = f"{found.final} of {found.submitted} final, refused {found.refused or 'none'}"
        raise NotMeasured(f"{words}: {counts}; fewer --transactions wanted")
    return {
        "way": words,
        "transactions": found.submitted,
        "accepted_a_second": rounded(found.submitted / found.seconds),
        "node_cpu_us_until_final": rounded(1e6 * used / found.submitted),
        "client_cpu_us": rounded(1e6 * found.client_cpu_s / found.submitted),
    }


def _result(plan: Plan, rows: Sequence[Figures], limit: float, machine: Described) -> Result:
    figures: Figures = {}
    for batch, row in zip(BATCHES, rows, strict=True):
        name = "stream" if not batch else "single" if batch == 1 else f"bulk_{batch}"
        figures[f"{name}_accepted_a_second"] = row["accepted_a_second"]
    figures |= {"slot_ms": plan.slot_ms, "senders": plan.senders}
    points = [(float(batch), number(row, "accepted_a_second")) for batch, row in zip(BATCHES, rows, strict=True) if batch]
    return Result(
        "api",
        "transfers that one client on one connection hands in to a node that is alone, as fast as it answers, all final afterwards; "
        "CPU of the node until the last was final",
        figures,
        limit_figures(limit),
        rounded(max(number(row, "accepted_a_second") for row in rows) / limit),
        seed=plan.seed,
        rows=rows,
        curve=Curve("Handing in transactions", "transactions in a request", "accepted a second", [Series("requests", points)]),
        machine=machine,
    )
