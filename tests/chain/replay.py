"""A chain of mixed blocks from a seed, and the state root after each: the same on every machine.

    PYTHONHASHSEED=random python -m tests.chain.replay --blocks 1000000 --seed 1

prints one root a block (with `--last` only the last one): compare the output of two interpreters, hash seeds or machines.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from random import Random

from tests.chain.ledger import Book
from tests.chain.traffic import Traffic, busy_genesis


def roots(blocks: int, seed: int, *, reverse_rows: bool = False) -> Iterator[bytes]:
    """`reverse_rows` turns the order in which the state's rows lie in their dict, before every other block."""
    book = Book(busy_genesis())
    traffic = Traffic(book, Random(seed))
    for number in range(blocks):
        if reverse_rows and number % 2:
            book.view.rows = dict(reversed(book.view.rows.items()))
        book.block(*traffic.next(12), slot=traffic.next_slot(), building=True)
        yield book.state_root


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reverse-rows", action="store_true")
    parser.add_argument("--last", action="store_true")
    chosen = parser.parse_args()
    last = b""
    for last in roots(chosen.blocks, chosen.seed, reverse_rows=chosen.reverse_rows):
        if not chosen.last:
            sys.stdout.write(f"{last.hex()}\n")
    if chosen.last:
        sys.stdout.write(f"{last.hex()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
