"""Many worlds, one seed each: `.venv/bin/python -m tests.sim.many_worlds --nodes 4 --slots 100 --first 0 --count 200`.

Prints the sums, and for each seed in which an invariant did not hold the command that repeats it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from functools import partial

from p2pchain.sim.options import Options
from p2pchain.sim.run import Result, run


def run_seed(seed: int, nodes: int, slots: int) -> Result:
    return run(Options(seed, nodes, slots, faults=None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--slots", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    failed = 0
    reached: Counter[str] = Counter()
    with multiprocessing.Pool(chosen.jobs) as pool:
        seeds = range(chosen.first, chosen.first + chosen.count)
        for result in pool.imap(partial(run_seed, nodes=chosen.nodes, slots=chosen.slots), seeds):
            reached.update(result.markers)
            failed += bool(result.violations)
            for found in result.violations[:1]:
                print(f"{result.command}\n    {found.invariant} at node {found.node}, slot {found.slot}: {found.text}")  # noqa: T201
    print(f"{chosen.count} seeds, {failed} failed; reached {dict(reached)}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
