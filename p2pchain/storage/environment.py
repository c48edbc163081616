"""The LMDB environment: opened with its safe defaults, created whole or not at all, its map growing by itself.

`writemap` stays off (with it a full disk is a SIGBUS) and `sync` on.  The process lock of the data folder is held by
whoever opens one of these.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TypeAlias

import lmdb

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.state import Changes
from p2pchain.storage.durable import FOLDER_MODE, sync_folder
from p2pchain.storage.errors import DamagedStore, DiskFull, ForeignChain, NewerFormat, StorageError, mapped
from p2pchain.storage.layout import (
    FORMAT,
    META_CHAIN,
    META_FORMAT,
    META_GENESIS_ROOT,
    META_PROGRESS,
    Progress,
    encode_progress,
    height_key,
)

Transaction: TypeAlias = "lmdb.Transaction[bytes]"
Database: TypeAlias = "lmdb._Database"  # noqa: SLF001  (the package has no other name for it)

NAME = "chain"
_TEMPORARY = f"{NAME}.new-"
MAP_BYTES_MIN = 64 << 20
"""Address space, not memory or disk: about twenty full blocks until it grows for the first time."""
BYTES_MAX = 1 << 40
"""Of address space there is 64 times more; somebody who has a larger disk says so."""
_DATABASES_MAX = 16
"""Eight today; a later format may add some without the limit in the way."""


class Environment:
    """The open environment and its databases."""

    def __init__(self, path: Path, map_bytes_min: int = MAP_BYTES_MIN, bytes_max: int = BYTES_MAX, *, read_only: bool = False) -> None:
        data = path / "data.mdb"
        size = data.stat().st_size if data.exists() else 0
        self.path = path
        # a bound below what there is already must not keep anybody from reading it
        self._bytes_max = _rounded(max(bytes_max, size))
        self.lmdb = lmdb.open(
            str(path),
            map_size=min(self._bytes_max, _rounded(max(map_bytes_min, 2 * size))),
            mode=FOLDER_MODE,
            # cold random reads take 61 us so, 37 with it while all fits into memory; beyond memory it would read 128 KiB for each row
            readahead=False,
            max_dbs=_DATABASES_MAX,
            max_spare_txns=1,
            readonly=read_only,
            create=not read_only,
        )
        self.meta, self.blocks, self.certificates, self.final, self.heights, self.rows, self.transactions, self.headers, self.nodes = (
            self.lmdb.open_db(name, create=not read_only)
            for name in (b"meta", b"blocks", b"certificates", b"final", b"heights", b"rows", b"transactions", b"headers", b"nodes")
        )

    @property
    def used_bytes(self) -> int:
        """Of the map; pages that are free again count, because only LMDB itself can use them."""
        return int(self.lmdb.info()["last_pgno"] + 1) * int(self.lmdb.stat()["psize"])

    @property
    def is_nearly_full(self) -> bool:
        """Whether the next transaction should not begin before the map has grown."""
        size = self.lmdb.info()["map_size"]
        return size < self._bytes_max and 4 * self.used_bytes > 3 * int(size)

    def grow(self) -> None:
        """Double the map.  No transaction of this process may be in use: the caller holds the lock that says so."""
        size = self.lmdb.info()["map_size"]
        if size >= self._bytes_max:
            raise DiskFull(f"{self.path} holds all that storage.bytes_max = {self._bytes_max} allows; raise it and start again")
        self.lmdb.set_mapsize(min(2 * size, self._bytes_max))


def create(folder: Path, genesis: Genesis, map_bytes_min: int = MAP_BYTES_MIN, bytes_max: int = BYTES_MAX) -> None:
    """Write a store that holds the genesis, beside, and rename it into place: LMDB's own creation is not atomic."""
    temporary = folder / f"{_TEMPORARY}{secrets.token_hex(4)}"
    with mapped("creating the store", folder):
        temporary.mkdir(FOLDER_MODE)
        environment = Environment(temporary, map_bytes_min, bytes_max)
        try:
            _write_genesis(environment, genesis)
        finally:
            environment.lmdb.close()
        sync_folder(temporary)
        temporary.rename(folder / NAME)
        sync_folder(folder)


def remove_leftovers(folder: Path) -> None:
    """What an interrupted creation left behind."""
    with mapped("removing leftovers", folder):
        for leftover in sorted(folder.glob(f"{_TEMPORARY}*")):
            shutil.rmtree(leftover)


def require_chain(environment: Environment, genesis: Genesis) -> None:
    """Refuse a store that this version or this network cannot go on with."""
    with environment.lmdb.begin(db=environment.meta) as txn:
        version, chain = txn.get(META_FORMAT), txn.get(META_CHAIN)
    if version is None or not version.isdigit() or chain is None:
        raise DamagedStore(f"{environment.path} holds no store of this program; move it away and start again")
    if int(version) > FORMAT:
        raise NewerFormat(f"{environment.path} has format {int(version)}, this version reads {FORMAT}; install the newer version again")
    if int(version) < FORMAT:
        raise StorageError(f"{environment.path} has format {int(version)}, {FORMAT} wanted; move it away and sync again")
    if chain != genesis.chain_id:
        found, wanted = chain.hex(), genesis.chain_id.hex()
        raise ForeignChain(f"{environment.path} holds chain {found}, the genesis is {wanted}'s; use its own genesis or another folder")


def _write_genesis(environment: Environment, genesis: Genesis) -> None:
    changes = genesis.changes()  # once: a million accounts take it seconds, and the map several tries to be large enough
    while True:
        try:
            with environment.lmdb.begin(write=True) as txn:
                _fill(environment, txn, genesis, changes)
        except lmdb.MapFullError:
            environment.grow()
        else:
            return


def _fill(environment: Environment, txn: Transaction, genesis: Genesis, changes: Changes) -> None:
    for key, value in changes.rows.items():
        txn.put(key, value, db=environment.rows)
    for place, node in sorted(changes.nodes.items()):
        txn.put(place, node, db=environment.nodes)
    txn.put(height_key(0), genesis.block_id, db=environment.final)
    txn.put(genesis.block_id, height_key(0), db=environment.heights)
    txn.put(META_GENESIS_ROOT, changes.state_root, db=environment.meta)
    txn.put(META_PROGRESS, encode_progress(Progress(flushed=0)), db=environment.meta)
    txn.put(META_CHAIN, genesis.chain_id, db=environment.meta)
    txn.put(META_FORMAT, str(FORMAT).encode(), db=environment.meta)


def _rounded(size: int) -> int:
    page = 1 << 20
    return -(-size // page) * page
