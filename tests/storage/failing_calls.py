"""F4, F8, F9: the disk fails at one call of a node's life, or is full from then on: every call in turn, every way.

    .venv/bin/python -m tests.storage.failing_calls [--seeds 20]

Each run begins with an empty folder; at the failing call it must end with a `StorageError` and nothing else; started
again it stands at what was acknowledged, or with the step that failed, and goes on.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from pathlib import Path

import click

from p2pchain.storage import StorageError
from tests.storage.crash_images import in_memory
from tests.storage.disk_trace import traced
from tests.storage.interposed import Fault
from tests.storage.workload import Workload, record_trace

FAULTS = {
    "EIO": Fault(errno.EIO),
    "ENOSPC": Fault(errno.ENOSPC),
    "short write": Fault(0, 7),
    "short write, then EIO": Fault(errno.EIO, 7),
    "disk full from then on": Fault(errno.ENOSPC, 7),
}
LASTING = {"disk full from then on"}


def count_calls(folder: Path, workload: Workload) -> int:
    """Of the disk, in a run without a fault."""
    return record_trace(folder, workload).calls


def fail_at(folder: Path, workload: Workload, call: int, kind: str) -> bool:
    """Whether the run ended early, as it must where the fault is one: a sync, or a name, cannot be cut short."""
    folder.mkdir()
    acknowledged = 0

    def acknowledge(step: int) -> None:
        nonlocal acknowledged
        acknowledged = step + 1

    def fault_of(number: int) -> Fault | None:
        return FAULTS[kind] if number == call or (kind in LASTING and number > call) else None

    has_failed = False
    with traced(folder, fault_of):
        try:
            workload.run(folder, acknowledge)
        except StorageError:
            has_failed = True
    workload.check(folder, acknowledged, f"{kind} at call {call}")
    return has_failed


def fail_at_each(folder: Path, workload: Workload, calls: Iterable[int], kinds: Iterable[str]) -> tuple[int, int]:
    """Runs, and those that ended early."""
    runs = ended = 0
    for kind in kinds:
        for call in calls:
            ended += fail_at(folder / f"{kind} {call}", workload, call, kind)
            runs += 1
    return runs, ended


@click.command()
@click.option("--seeds", default=20, show_default=True, help="How many orders of steps; each is run once for each call and fault.")
def main(seeds: int) -> None:
    """Fail every call of the disk, one at a time."""
    began, runs, ended = time.monotonic(), 0, 0
    for seed in range(1, seeds + 1):
        with in_memory() as folder:
            calls = count_calls(folder / "counted", Workload(seed))
            more = fail_at_each(folder, Workload(seed), range(calls), FAULTS)
        runs, ended = runs + more[0], ended + more[1]
        click.echo(f"seed {seed}: {calls} calls; in all {runs} runs, {ended} ended early, {time.monotonic() - began:.0f} s")
    click.echo("every run ended in order and stood at a block boundary when it was started again")


if __name__ == "__main__":
    main()
