"""The random runs of `test_agreement` over many seeds: `.venv/bin/python -m tests.node.many_seeds --first 0 --count 1000`.

Each seed is one network of four engines with loss, delays, crashes and restarts, then ten quiet slots: no two nodes may
finalise different blocks, nobody signs twice, and finality must come back.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys

from tests.node.test_agreement import (
    test_loss_crashes_and_delays_never_split_the_chain_and_it_goes_on_afterwards as run_seed,
)


def failed(seed: int) -> str | None:
    try:
        run_seed(seed)
    except AssertionError as error:
        return f"seed {seed}: {str(error).splitlines()[0] if str(error) else 'an assertion without words'}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    with multiprocessing.Pool(chosen.jobs) as pool:
        failures = [text for text in pool.imap_unordered(failed, range(chosen.first, chosen.first + chosen.count)) if text]
    print(f"{chosen.count} seeds, {len(failures)} failed", *failures, sep="\n")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
