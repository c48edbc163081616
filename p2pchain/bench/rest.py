"""`bench rest`: what a network costs while nobody uses it."""

from __future__ import annotations

import time
from typing import NamedTuple

from p2pchain.bench.machine import describe_machine
from p2pchain.bench.processes import cpu_seconds, resident_mb
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Figures, Result, number, rounded
from p2pchain.bench.testbed import MakeNetwork, Testbed, Wanted

SETTLE_S = 3.0
"""After its start a network is not at rest yet: peers exchange addresses, caches fill."""
_STEP_S = 0.5


class Plan(NamedTuple):
    delegates: int
    slot_ms: int
    seconds: float


def measure_rest(plan: Plan, make_network: MakeNetwork, progress: Progress) -> Result:
    machine = describe_machine()
    progress.begin(f"starting {plan.delegates} nodes", 1)
    with make_network(Wanted(plan.delegates, plan.slot_ms)) as network:
        progress.advance()
        _rest(SETTLE_S, "settling", progress)
        rows = _measure(network, plan.seconds, progress)
    figures: Figures = {
        "cpu_percent_of_a_core_worst": max(number(row, "cpu_percent_of_a_core") for row in rows),
        "memory_mb_worst": max(number(row, "memory_mb") for row in rows),
        "delegates": plan.delegates,
        "slot_ms": plan.slot_ms,
        "seconds": plan.seconds,
    }
    limit: Figures = {"what": "one core, of which the busiest node used the share", "cores": 1}
    share = number(figures, "cpu_percent_of_a_core_worst") / 100
    measured = f"CPU and resident memory of each of {plan.delegates} node processes without any transaction, as the system counts them"
    return Result("rest", measured, figures, limit, rounded(share), rows=rows, machine=machine)


def _measure(network: Testbed, seconds: float, progress: Progress) -> list[Figures]:
    before, began = [cpu_seconds(node.pid) for node in network.nodes], time.perf_counter()
    _rest(seconds, "at rest", progress)
    passed = time.perf_counter() - began
    return [
        {
            "node": node.name,
            "cpu_percent_of_a_core": rounded(100 * (cpu_seconds(node.pid) - first) / passed),
            "memory_mb": rounded(resident_mb(node.pid)),
        }
        for node, first in zip(network.nodes, before, strict=True)
    ]


def _rest(seconds: float, words: str, progress: Progress) -> None:
    progress.begin(words, seconds)
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        time.sleep(min(left, _STEP_S))  # rest is what is measured
        progress.advance(min(left, _STEP_S))
