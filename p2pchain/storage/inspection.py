"""The ledger as it lies on disk, read from outside value by value: for whoever checks it, copies it or rebuilds it.

Nothing is locked or changed, whether a node runs or not.  Final blocks are written once and never changed, so they need no
common snapshot: they are read in transactions of a moment each, for one that lasts keeps every page in use that the
node would free meanwhile.  `snapshot` is for what does change: rows, unfinal blocks, the last final height.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import lmdb

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.types import BlockId, Hash, TransactionId
from p2pchain.chain.votes import Kind, Subject
from p2pchain.storage.durable import make_folder
from p2pchain.storage.environment import BYTES_MAX, NAME, Database, Environment, Transaction, require_chain
from p2pchain.storage.errors import DamagedStore, StorageError, mapped
from p2pchain.storage.layout import (
    META_GENESIS_ROOT,
    META_PROGRESS,
    Progress,
    block_key,
    certificate_key,
    decode_locations,
    decode_progress,
    height_key,
    height_of,
    index_key,
)
from p2pchain.storage.plan import Memory
from p2pchain.storage.pruning import load_pruned
from p2pchain.storage.recovery import load_memory

KEY_BYTES = 40
"""A height and a block id."""
GLANCE_BYTES = 8 << 20
GLANCE_BLOCKS = 512
"""What one read transaction takes into memory, at most (and one block more)."""


class StoredFinal(NamedTuple):
    """What the disk holds of one final block; `value` and `confirms` are empty where nothing is there."""

    height: int
    block: bytes
    """Its id, by the height."""
    value: bytes
    confirms: bytes
    named_height: int | None
    """By the id."""
    header: bytes = b""
    """Where the block itself was pruned: all that is left of it."""

    @property
    def key(self) -> bytes:
        return block_key(self.height, self.block)


class StoredUnfinal(NamedTuple):
    key: bytes
    value: bytes
    votes: bytes


class Snapshot:
    """One state of a node's disk."""

    def __init__(self, environment: Environment, txn: Transaction, memory: Memory) -> None:
        self._environment = environment
        self._txn = txn
        self.final: Subject = memory.final
        self.state_root: Hash = memory.state_root
        self._layers: tuple[Mapping[bytes, bytes], ...] = tuple(layer.rows for layer in memory.overlay.readable())
        self._node_maps = memory.overlay.node_maps

    def get(self, key: bytes, /) -> bytes | None:
        data = next((layer[key] for layer in self._layers if key in layer), None)
        return self._txn.get(key, db=self._environment.rows) if data is None else data

    def node(self, place: bytes, /) -> bytes | None:
        data = next((nodes[place] for nodes in self._node_maps if place in nodes), None)
        return self._txn.get(place, db=self._environment.nodes) if data is None else data

    def rows(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All state rows as of the last final block, in key order."""
        return self._newest_of(self._layers, self._environment.rows, prefix)

    def nodes(self) -> Iterator[tuple[bytes, bytes]]:
        """Of the trie over them, by place."""
        return self._newest_of(self._node_maps, self._environment.nodes, b"")

    def unfinal(self) -> list[StoredUnfinal]:
        """Blocks above the final one, lower ones first: bounded by what a node keeps."""
        return _unfinal_above(self.final.height, self._environment, self._txn)

    def counts(self) -> tuple[int, int]:
        """Entries of the two directions between heights and ids of final blocks."""
        final, heights = (self._txn.stat(db)["entries"] for db in (self._environment.final, self._environment.heights))
        return final, heights

    def strays(self) -> Iterator[str]:
        """Blocks and certificates that belong to no final and no unfinal block: a name that rotted takes its value along."""
        databases = (("block", self._environment.blocks), ("certificate", self._environment.certificates))
        for what, database in databases:
            with self._txn.cursor(db=database) as cursor:
                for key in cursor.iternext(values=False):
                    if not self._is_owned(key):
                        yield f"{what} {key.hex()}"

    def _is_owned(self, key: bytes) -> bool:
        place, kind = key[:KEY_BYTES], key[KEY_BYTES:]
        if len(place) == KEY_BYTES and height_of(place) <= self.final.height:
            is_final = self._txn.get(place[:8], db=self._environment.final) == place[8:]
            return is_final and kind in {b"", bytes((Kind.CONFIRM,))}
        return kind in {b"", bytes((Kind.VOTE,))} and self._txn.get(place, db=self._environment.blocks) is not None

    def _newest_of(self, layers: Sequence[Mapping[bytes, bytes]], database: Database, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        newest: dict[bytes, bytes] = {}
        for layer in reversed(layers):
            newest.update((key, value) for key, value in layer.items() if key.startswith(prefix))
        first = itemgetter(0)
        both = merge(sorted(newest.items()), self._on_disk(database, prefix), key=first)  # of equal keys that of the first one comes first
        for _, found in groupby(both, first):
            yield next(found)

    def _on_disk(self, database: Database, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._txn.cursor(db=database) as cursor:
            if cursor.set_range(prefix) if prefix else cursor.first():
                for key, value in cursor:
                    if not key.startswith(prefix):
                        return
                    yield key, value


class Inspection:
    """The open store of a home."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.path = environment.path
        self._generation = 0
        """Of the index, where the last transaction was found: those of the blocks that follow are there or in the next."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """`DamagedStore` where the store does not open for a node either."""
        while True:
            with self._reading() as txn:
                memory = load_memory(self._environment)
                # a node that runs may have committed between: memory and rows must be of one moment
                if self._last_final(txn) == memory.final.height and self._progress(txn) == memory.progress:
                    yield Snapshot(self._environment, txn, memory)
                    return

    def last_height(self) -> int:
        with self._reading() as txn:
            return self._last_final(txn)

    def progress(self) -> Progress:
        with self._reading() as txn:
            return self._progress(txn)

    def genesis_root(self) -> bytes:
        with self._reading() as txn:
            return txn.get(META_GENESIS_ROOT, b"", db=self._environment.meta)

    def pruned_height(self) -> int:
        """Blocks up to here are gone, but for their headers and confirms; 0 where nothing was pruned."""
        with self._reading() as txn:
            return load_pruned(self._environment, txn).height

    def finals(self, heights: range) -> Iterator[StoredFinal]:
        """Final blocks in order, the genesis among them where it is asked for; every height of the range comes."""
        at = heights.start
        while at < heights.stop:
            taken = self._glance(range(at, min(heights.stop, at + GLANCE_BLOCKS)))
            yield from taken
            at += len(taken)

    def unfinal(self) -> list[StoredUnfinal]:
        """Blocks above the last final height, also where the store does not open any more."""
        with self._reading() as txn:
            return _unfinal_above(self._last_final(txn), self._environment, txn)

    def sizes(self, heights: range) -> int:
        """Bytes of the blocks of these heights: what a pass over them has before it.  No block is read."""
        total = 0
        lmdb_environment, blocks = self._environment.lmdb, self._environment.blocks
        with mapped("reading", self.path), lmdb_environment.begin(buffers=True) as txn, txn.cursor(db=blocks) as cursor:
            if cursor.set_range(height_key(heights.start)):
                for key, value in cursor:
                    if height_of(bytes(key)) >= heights.stop:
                        break
                    total += len(value)
        return total

    def finds(self, items: list[TransactionId], height: int) -> int | None:
        """Position of the first of a block's transactions that the index does not know at its place; None where all are there."""
        with self._reading() as txn:
            newest = self._progress(txn).generation
            for position, item in enumerate(items):
                if not self._is_indexed(txn, item, (height, position), newest):
                    return position
        return None

    def copy_to(self, folder: Path) -> None:
        """A copy without the pages that are free, in a folder that is not there yet."""
        with mapped("copying the store", self.path):
            make_folder(folder)
            self._environment.lmdb.copy(str(folder), compact=True)

    def clear_readers(self) -> int:
        """How many readers were on record whose processes are gone: each kept the node from using pages again."""
        return int(self._environment.lmdb.reader_check())

    def _is_indexed(self, txn: Transaction, item: TransactionId, place: tuple[int, int], newest: int) -> bool:
        likely = (self._generation, self._generation + 1)
        for generation in (*likely, *(number for number in range(newest + 1) if number not in likely)):
            data = txn.get(index_key(generation, item), b"", db=self._environment.transactions)
            if len(data) % len(_ONE_LOCATION) == 0 and place in decode_locations(data):
                self._generation = generation
                return True
        return False

    def _glance(self, heights: range) -> list[StoredFinal]:
        found: list[StoredFinal] = []
        size = 0
        with self._reading() as txn:
            pruned = load_pruned(self._environment, txn).height
            for height in heights:
                block = txn.get(height_key(height), b"", db=self._environment.final)
                key = block_key(height, block)
                value = txn.get(key, b"", db=self._environment.blocks)
                confirms = txn.get(certificate_key(key, Kind.CONFIRM), b"", db=self._environment.certificates)
                named = txn.get(block, db=self._environment.heights) if block else None
                header = txn.get(height_key(height), b"", db=self._environment.headers) if 0 < height <= pruned else b""
                found.append(StoredFinal(height, block, value, confirms, None if named is None else _height_in(named), header))
                size += len(value) + len(confirms)
                if size > GLANCE_BYTES:
                    break
        return found

    def _last_final(self, txn: Transaction) -> int:
        with txn.cursor(db=self._environment.final) as cursor:
            if not cursor.last():
                raise DamagedStore(f"{self.path} names no final block; set it aside: p2pchain repair")
            return height_of(cursor.key())

    def _progress(self, txn: Transaction) -> Progress:
        value = txn.get(META_PROGRESS, db=self._environment.meta)
        if value is None:
            raise DamagedStore(f"{self.path} has no progress record; set it aside: p2pchain repair")
        return decode_progress(value)

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        try:
            with self._environment.lmdb.begin() as txn:
                yield txn
        except lmdb.Error as error:
            raise DamagedStore(f"{self.path} cannot be read ({error}); set it aside: p2pchain repair") from error


_ONE_LOCATION = bytes(12)


def _require_file(path: Path) -> None:
    """LMDB says of an empty file that it is not there."""
    with mapped("reading the store", path):
        size = (path / "data.mdb").stat().st_size
    if size < _FILE_BYTES_MIN:
        raise DamagedStore(f"{path / 'data.mdb'} has {size} bytes, at least {_FILE_BYTES_MIN} wanted; set it aside: p2pchain repair")


_FILE_BYTES_MIN = 8192
"""Two roots."""
_DAMAGE = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError, lmdb.NotFoundError)


def is_damage(error: StorageError) -> bool:
    """Whether it says that what is stored is not what was written; not, say, that this user may not read it."""
    return isinstance(error, DamagedStore) or isinstance(error.__cause__, _DAMAGE)


def _unfinal_above(height: int, environment: Environment, txn: Transaction) -> list[StoredUnfinal]:
    found = []
    with txn.cursor(db=environment.blocks) as cursor:
        if cursor.set_range(height_key(height + 1)):
            for key, value in cursor:
                votes = txn.get(certificate_key(key, Kind.VOTE), b"", db=environment.certificates)
                found.append(StoredUnfinal(key, value, votes))
    return found


def _height_in(data: bytes) -> int | None:
    return height_of(data) if len(data) == len(height_key(0)) else None


@contextmanager
def inspect(data_dir: Path, genesis: Genesis) -> Iterator[Inspection]:
    """The ledger in a folder; `StorageError` where there is none, or another network's.

    The map is as large as any node's may become: it costs address space alone, and a node that grows its own meanwhile
    does not shut this reader out.
    """
    path = data_dir / NAME
    if not path.exists():
        raise StorageError(f"{data_dir} holds no chain: the node has never run")
    _require_file(path)
    with mapped("reading the store", path):
        environment = Environment(path, BYTES_MAX, BYTES_MAX, read_only=True)
    try:
        with mapped("reading the store", path):
            require_chain(environment, genesis)
        yield Inspection(environment)
    finally:
        environment.lmdb.close()


def block_id_in(stored: StoredUnfinal) -> BlockId:
    return BlockId(stored.key[8:])
