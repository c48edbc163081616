"""Hand-made bugs, and whether the suite catches each: `.venv/bin/python -m tests.mutants [--only NAME ...] [--named]`.

Each mutant gets a copy of the source of its own.  Beside them all tests that are named for the mutants run on an
unchanged copy: these must pass, or catching means nothing.  Exit 0 only if they do and every mutant is caught.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.mutants.catalogue import MUTANTS
from tests.mutants.trial import Outcome, control, judge


def told(outcome: Outcome) -> str:
    if not outcome.caught_by:
        return f"SURVIVED  {outcome.name}  ({outcome.seconds:.0f} s)"
    by = outcome.caught_by if outcome.by_its_own_tests else f"{outcome.caught_by}, not by the tests named for it"
    return f"caught    {outcome.name}  ({outcome.seconds:.0f} s) by {by}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=sorted(mutant.name for mutant in MUTANTS), metavar="NAME")
    parser.add_argument("--named", action="store_true", help="run the tests named for a mutant alone, never the whole suite")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if not chosen.only or mutant.name in chosen.only]
    wrong = [mutant.mismatch() for mutant in mutants if mutant.mismatch()]
    if wrong:
        sys.stderr.write("\n".join([*wrong, ""]))
        return 1
    started = time.monotonic()
    survivors = 0
    with ThreadPoolExecutor(chosen.jobs) as pool:
        unchanged = pool.submit(control, sorted({test for mutant in mutants for test in mutant.tests}))
        for outcome in pool.map(partial(judge, by_all=not chosen.named), mutants):
            survivors += not outcome.caught_by
            sys.stdout.write(told(outcome) + "\n")
            sys.stdout.flush()
    failing = unchanged.result()
    if failing:
        sys.stderr.write(f"{failing} fails without any mutant: repair that first, nothing above means anything\n")
    sys.stdout.write(f"{len(mutants) - survivors} of {len(mutants)} mutants caught in {time.monotonic() - started:.0f} s\n")
    return 1 if survivors or failing else 0


if __name__ == "__main__":
    sys.exit(main())
