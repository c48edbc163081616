"""Bits that rot: each one is found by `verify`, or changes nothing that the store says.

    .venv/bin/python -m tests.storage.flips --count 10000 [--seed 1] [--pages]

Without `--pages` a bit of a stored value is turned, of each database in turn; with it a bit of the file itself, LMDB's own books
among them, which LMDB trusts: there a reader may also be ended, which is no less found.  The store is a real one: signed
blocks over a change of the delegates, with transfers, unfinal blocks above, rows and index half written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import lmdb

from p2pchain.care.guarded import DiedError, guarded
from p2pchain.chain.types import TransactionId
from p2pchain.storage import StorageError, open_store
from tests.care.homes import FLUSH_BLOCKS, HEIGHT, fill, small_chain, verify
from tests.fakes.long_chain import LongChain

DATABASES = (b"meta", b"blocks", b"certificates", b"final", b"heights", b"rows", b"nodes", b"transactions")


class Flip(NamedTuple):
    """What became of one bit."""

    place: str
    outcome: str
    """`found`, `ended`, `harmless` or `missed`."""
    words: str


class Rotting:
    """A store in a folder, whose bits are turned and turned back."""

    def __init__(self, folder: Path, chain: LongChain) -> None:
        self._folder, self._chain = folder, chain
        fill(folder, chain, HEIGHT, 2)
        self._answers = self._observe()
        verdict = verify(folder, chain.genesis)
        assert verdict.problem is None, verdict.problem

    def flip_value(self, chance: Random, database: bytes | None = None) -> Flip:
        """Of one database, or of any: each equally often, for most have few values."""
        name = database or chance.choice(DATABASES)
        with self._environment() as environment, environment.begin(db=environment.open_db(name)) as txn:
            items = list(txn.cursor())
        key, value = chance.choice(items)
        bit = chance.randrange(8 * len(value))
        self._put(name, key, _turned(value, bit))
        try:
            return self._judge(f"{name.decode()} {key.hex()} bit {bit}")
        finally:
            self._put(name, key, value)

    def flip_page(self, chance: Random) -> Flip:
        file = self._folder / "chain" / "data.mdb"
        content = file.read_bytes()
        bit = chance.randrange(8 * len(content))
        file.write_bytes(_turned(content, bit))
        try:
            return guarded(lambda: self._judge(f"byte {bit // 8} bit {bit % 8}"))
        except DiedError as error:
            return Flip(f"byte {bit // 8}", "ended", str(error))
        finally:
            file.write_bytes(content)

    def _judge(self, place: str) -> Flip:
        try:
            problem = verify(self._folder, self._chain.genesis).problem
        except StorageError as error:
            return Flip(place, "found", str(error))
        if problem is not None:
            return Flip(place, "found", str(problem))
        return Flip(place, "harmless" if self._observe() == self._answers else "missed", "")

    def _observe(self) -> dict[str, object]:
        """All that anybody can ask of the store."""
        steps = self._chain.steps
        ids: list[TransactionId] = [item.id for step in steps for item in step.stored.block.transactions]
        keys = {key for step in steps for key in step.stored.changes.rows} | set(self._chain.genesis.changes().rows)
        with open_store(self._folder, self._chain.genesis, flush_blocks=FLUSH_BLOCKS) as store:
            recovered = store.recovered()
            return {
                "root": (recovered.root.subject, recovered.root.state_root, recovered.root.schedule.active),
                "unfinal": sorted(recovered.unfinal),
                "final": [store.final_block(height) for height in range(HEIGHT + 2)],
                "headers": store.final_headers(1, HEIGHT, 1 << 30),
                "heights": [store.final_height(step.stored.block.id) for step in steps],
                "rows": {key: store.get(key) for key in sorted(keys)},
                "transactions": [store.transaction(item) for item in ids],
            }

    def _put(self, name: bytes, key: bytes, value: bytes) -> None:
        with self._environment() as environment, environment.begin(write=True, db=environment.open_db(name)) as txn:
            txn.put(key, value)

    def _environment(self) -> lmdb.Environment:
        return lmdb.open(str(self._folder / "chain"), max_dbs=16, map_size=64 << 20)


def _turned(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flips(count: int, seed: int, *, pages: bool = False) -> Iterator[Flip]:
    chance = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        rotting = Rotting(Path(folder), small_chain())
        for number in range(count):
            yield rotting.flip_page(chance) if pages else rotting.flip_value(chance, DATABASES[number % len(DATABASES)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", action="store_true")
    chosen = parser.parse_args()
    sums: Counter[str] = Counter()
    told_s = time.monotonic()
    for flip in flips(chosen.count, chosen.seed, pages=chosen.pages):
        sums[flip.outcome] += 1
        if flip.outcome == "missed":
            sys.stdout.write(f"missed: {flip.place}\n")
        if time.monotonic() - told_s > 15:
            told_s = time.monotonic()
            sys.stderr.write(f"{sums.total()} of {chosen.count}: {dict(sums)}\n")
    sys.stdout.write(f"{sums.total()} bits: {dict(sorted(sums.items()))}\n")
    return 1 if sums["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
