"""How fast the simulator is on one core: `.venv/bin/python -m tests.sim.speed [--runs 5]`.

An undisturbed network with one transaction a slot.  CPU time and not the clock on the wall, the best of several runs: other work on
the machine makes a run slower, nothing makes it faster.
"""

from __future__ import annotations

import argparse
import sys
import time

from p2pchain.sim.options import Options
from p2pchain.sim.run import run

SLOTS = {4: 300, 7: 150, 21: 30, 101: 8}
WANTED = {4: 300, 21: 10}


def slots_a_second(nodes: int, slots: int) -> float:
    began = time.process_time()
    run(Options(1, nodes, slots))
    return slots / (time.process_time() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    for nodes, slots in SLOTS.items():
        best = max(slots_a_second(nodes, slots) for _ in range(chosen.runs))
        wanted = f", {WANTED[nodes]} wanted" if nodes in WANTED else ""
        print(f"{nodes:4} nodes: {best:.1f} slots a second{wanted}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
