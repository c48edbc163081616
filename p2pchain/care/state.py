"""The state that the blocks give, built up beside: rows in memory, and beyond a bound in a database of its own that is thrown away.

Bound: `ROWS_MAX` rows and nodes in memory, whatever the chain.  The scratch database is never synced: who loses it begins again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lmdb

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.state import Changes
from p2pchain.chain.trie.update import update
from p2pchain.chain.types import Hash

ROWS_MAX = 50_000
"""Rows and nodes of the trie over them: about 40 MB."""
_ROWS, _NODES = 0, 1
_MAP_BYTES = 1 << 40
"""Address space; the file holds what is written."""


class State:
    """Implements `chain.state.View`."""

    def __init__(self, environment: lmdb.Environment, genesis: Genesis) -> None:
        changes = genesis.changes()
        self._lmdb = environment
        self._databases = environment.open_db(b"rows"), environment.open_db(b"nodes")
        self._newest: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        self._txn = environment.begin()
        self.root: Hash = changes.state_root
        self.apply(changes)

    def get(self, key: bytes, /) -> bytes | None:
        return self._read(_ROWS, key)

    def node(self, place: bytes, /) -> bytes | None:
        return self._read(_NODES, place)

    def after(self, rows: Mapping[bytes, bytes]) -> Changes:
        """What a block that writes these rows does, with the root that follows."""
        return Changes(rows, *update(self.node, rows, self.root))

    def apply(self, changes: Changes) -> None:
        self._newest[_ROWS].update(changes.rows)
        self._newest[_NODES].update(changes.nodes)
        self.root = changes.state_root
        if sum(map(len, self._newest)) > ROWS_MAX:
            self._flush()

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them, in key order."""
        return self._all(_ROWS)

    def nodes(self) -> Iterator[tuple[bytes, bytes]]:
        """Of the trie over them, by place."""
        return self._all(_NODES)

    def close(self) -> None:
        self._txn.abort()

    def _read(self, kind: int, key: bytes) -> bytes | None:
        data = self._newest[kind].get(key)
        return self._txn.get(key, db=self._databases[kind]) if data is None else data

    def _all(self, kind: int) -> Iterator[tuple[bytes, bytes]]:
        self._flush()
        with self._txn.cursor(db=self._databases[kind]) as cursor:
            yield from cursor

    def _flush(self) -> None:
        with self._lmdb.begin(write=True) as txn:
            for newest, database in zip(self._newest, self._databases, strict=True):
                with txn.cursor(db=database) as cursor:
                    cursor.putmulti(sorted(newest.items()))
                newest.clear()
        self._txn.abort()
        self._txn = self._lmdb.begin()


@contextmanager
def scratch_state(genesis: Genesis) -> Iterator[State]:
    """The state at height 0, to be built upon; its folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="p2pchain-state-") as folder:
        environment = lmdb.open(str(Path(folder)), map_size=_MAP_BYTES, sync=False, metasync=False, lock=False, max_dbs=2)
        try:
            state = State(environment, genesis)
            try:
                yield state
            finally:
                state.close()
        finally:
            environment.close()
