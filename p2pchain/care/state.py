"""The state that the blocks give, built up beside: rows in memory, and beyond a bound in a database of its own that is thrown away.

Bound: `ROWS_MAX` rows in memory, whatever the chain.  The scratch database is never synced: who loses it begins again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lmdb

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.state import Changes, state_root
from p2pchain.chain.types import Hash

ROWS_MAX = 50_000
"""About 15 MB."""
_MAP_BYTES = 1 << 40
"""Address space; the file holds what is written."""


class State:
    """Implements `chain.state.View`."""

    def __init__(self, environment: lmdb.Environment, genesis: Genesis) -> None:
        changes = genesis.changes()
        self._lmdb = environment
        self._newest: dict[bytes, bytes] = {}
        self._txn = environment.begin()
        self.root: Hash = changes.state_root
        self.apply(changes)

    def get(self, key: bytes, /) -> bytes | None:
        data = self._newest.get(key)
        return self._txn.get(key) if data is None else data

    def after(self, rows: Mapping[bytes, bytes]) -> Changes:
        """What a block that writes these rows does, with the root that follows."""
        return Changes(rows, state_root(self.root, rows))

    def apply(self, changes: Changes) -> None:
        self._newest.update(changes.rows)
        self.root = changes.state_root
        if len(self._newest) > ROWS_MAX:
            self._flush()

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them, in key order."""
        self._flush()
        with self._txn.cursor() as cursor:
            yield from cursor

    def close(self) -> None:
        self._txn.abort()

    def _flush(self) -> None:
        with self._lmdb.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti(sorted(self._newest.items()))
        self._newest.clear()
        self._txn.abort()
        self._txn = self._lmdb.begin()


@contextmanager
def scratch_state(genesis: Genesis) -> Iterator[State]:
    """The state at height 0, to be built upon; its folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="p2pchain-state-") as folder:
        environment = lmdb.open(str(Path(folder)), map_size=_MAP_BYTES, sync=False, metasync=False, lock=False)
        try:
            state = State(environment, genesis)
            try:
                yield state
            finally:
                state.close()
        finally:
            environment.close()
