"""The ledger on disk.  One writer; every commit is one durable transaction; reads are as of the last commit.

Threads: `commit`, `stage` and `sync` may run in one thread while another reads.  A `View` (overlay and read transaction)
never changes; a commit replaces it whole.  `_reading` keeps the map from growing under a read, which would be a
segmentation fault, and is held for microseconds otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, NoReturn, Self

import lmdb

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.tree import Root
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.trie.update import MissingNodeError
from p2pchain.chain.types import BlockId, TransactionId
from p2pchain.node.effects import Commit
from p2pchain.node.keeping import KEPT_BLOCKS_MIN
from p2pchain.node.ports import FinalBlock, FinalHeader, Location, Recovered, RowWithPath
from p2pchain.node.room import Room
from p2pchain.storage.durable import ProcessLock, make_folder
from p2pchain.storage.environment import BYTES_MAX, MAP_BYTES_MIN, NAME, Environment, Transaction, create, remove_leftovers, require_chain
from p2pchain.storage.environment import Database as LmdbDatabase
from p2pchain.storage.errors import DamagedStore, StorageError, mapped
from p2pchain.storage.layout import (
    META_PROGRESS,
    Progress,
    decode_locations,
    encode_location,
    encode_progress,
    index_key,
)
from p2pchain.storage.plan import Database, Memory, Plan, Share, plan
from p2pchain.storage.pruning import Pruning, highest_prunable, load_pruned, prune_share
from p2pchain.storage.reclaiming import BEGIN, Place, Reclaimed, allocated_bytes, reclaim_slice
from p2pchain.storage.recovery import load_memory
from p2pchain.storage.room import SHARES, Marks, require_room, tightest, volume_of
from p2pchain.storage.view import View
from p2pchain.storage.writer import WriterThread


class Settings(NamedTuple):
    """What an operator may choose."""

    flush_blocks: int = 20
    """Final blocks whose rows are written in one batch."""
    bytes_max: int = BYTES_MAX
    """Of the chain on disk."""
    marks: Marks = SHARES
    """Of the volume: where production stops, and where the node ends."""
    kept_blocks_min: int = KEPT_BLOCKS_MIN
    """Final blocks that no order to prune takes out."""


class LmdbStore:
    """`node.ports.Store` over LMDB.  After a `StorageError` out of `commit` it refuses everything (S11)."""

    def __init__(self, folder: Path, environment: Environment, lock: ProcessLock, settings: Settings) -> None:
        assert settings.flush_blocks >= 1, f"flush_blocks is {settings.flush_blocks}, at least 1 wanted"
        self._folder = folder
        self._environment = environment
        self._lock = lock
        self._settings = settings
        self._rows, self._nodes = environment.rows, environment.nodes
        self._databases = {
            Database.BLOCKS: environment.blocks,
            Database.CERTIFICATES: environment.certificates,
            Database.FINAL: environment.final,
            Database.HEIGHTS: environment.heights,
        }
        self._failure = ""
        self._reading = threading.Lock()
        self._writer = WriterThread(environment)
        self._staged: tuple[Plan, Transaction] | None = None
        memory = load_memory(environment)
        with environment.lmdb.begin() as txn:
            self._pruning = Pruning(load_pruned(environment, txn), is_done=True)
        self._pruning_staged = self._pruning
        self._prune_to = 0
        self._view = self._new_view(memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is flushed: what returned from `commit` is durable already."""
        if self._staged is not None:
            self._writer.abort(self._staged[1])
            self._staged = None
        self._writer.close()
        with self._reading:
            self._failure = self._failure or "it was closed"
            self._view.txn.abort()
            self._environment.lmdb.close()
            self._lock.release()

    # --- reads ---

    def get(self, key: bytes, /) -> bytes | None:
        if self._failure:
            self._refuse()
        while True:
            view = self._view
            for layer in view.layers:
                data = layer.get(key)
                if data is not None:
                    return data
            with self._reading:
                if view is self._view:
                    return self._on_disk(view, key, self._rows)

    def node(self, place: bytes, /) -> bytes | None:
        if self._failure:
            self._refuse()
        while True:
            view = self._view
            for nodes in view.node_maps:
                node = nodes.get(place)
                if node is not None:
                    return node
            with self._reading:
                if view is self._view:
                    return self._on_disk(view, place, self._nodes)

    def recovered(self) -> Recovered:
        schedule = Schedule.load(self)
        with self._shown() as view:
            return Recovered(Root(view.memory.final, view.memory.state_root, schedule), view.unfinal())

    def final_block(self, height: int) -> FinalBlock | None:
        with self._shown() as view:
            return view.final_block(height)

    def final_height(self, block: BlockId) -> int | None:
        with self._shown() as view:
            return view.final_height(block)

    def final_with_rows(self, height: int) -> tuple[bytes, dict[bytes, bytes]] | None:
        """A final block and what it wrote to the state; None where there is none, or it was pruned."""
        with self._shown() as view:
            return view.final_with_rows(height)

    def final_range(self, from_height: int, limit: int, bytes_max: int) -> list[FinalBlock]:
        blocks: list[FinalBlock] = []
        size = 0
        with self._shown() as view:
            for block in view.final_blocks(range(max(1, from_height), from_height + limit)):
                size += len(block.raw) + len(block.certificate)
                if blocks and size > bytes_max:
                    break
                blocks.append(block)
        return blocks

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]:
        with self._shown() as view:
            return view.some_headers(from_height, limit, bytes_max)

    def transaction(self, item: TransactionId) -> Location | None:
        with self._shown() as view:
            return view.transaction(item)

    @property
    def blocks_from(self) -> int:
        """The first height whose block is here, whole; below it headers and confirms are."""
        return self._pruning.pruned.blocks_from

    def prune_to(self, height: int) -> None:
        """From now on each commit takes out some bodies up to this height, as far as nothing needs them."""
        self._prune_to = max(self._prune_to, height)

    @property
    def is_pruning(self) -> bool:
        """Whether the next commit takes something out."""
        highest = min(self._prune_to, highest_prunable(self._view.memory, self._settings.kept_blocks_min))
        return self._pruning.pruned.height < highest or not self._pruning.is_done

    @property
    def disk_bytes(self) -> int:
        """What the ledger takes of the disk."""
        return allocated_bytes(self._environment.path / "data.mdb")

    def row_with_path(self, key: bytes) -> RowWithPath:
        with self._shown() as view:
            try:
                return RowWithPath(view.memory.final.height, view.row(key), nodes_to(view.node, key))
            except MissingNodeError as error:
                raise DamagedStore(f"the state in {self._environment.path} is incomplete ({error}); sync again") from error

    def room(self) -> Room:
        """What is left on the volume, or below `bytes_max`, whichever runs out first."""
        return tightest([volume_of(self._folder, self._settings.marks), self._chain_room()])

    def _chain_room(self) -> Room:
        bound = self._settings.bytes_max
        # what pruning gave back is room again: LMDB fills the holes before it makes the file longer
        left = max(0, bound - min(self._environment.used_bytes, self.disk_bytes))
        return SHARES.of(f"storage.bytes_max = {bound}", left, bound)

    @property
    def marks(self) -> Marks:
        return self._settings.marks

    def set_marks(self, marks: Marks) -> None:
        """From the next look at the disk on."""
        self._settings = self._settings._replace(marks=marks)

    def require_sound(self) -> None:
        """A read that failed, for whoever, ends the node as a write does (S11)."""
        if self._failure:
            self._refuse()

    # --- writing ---

    def commit(self, commit: Commit) -> None:
        self.stage(commit)
        self.sync()

    def stage(self, commit: Commit) -> None:
        """All of a commit but the waiting: at most about 20 ms, best spent in the thread that is busy anyway."""
        if self._failure:
            self._refuse()
        assert self._staged is None, "one commit at a time"
        with self._fatal():
            planned = plan(self._view.memory, commit, self._settings.flush_blocks, self._flushed_node)
            require_room(volume_of(self._folder, self._settings.marks))
            self._staged = planned, self._filled(planned)

    def sync(self) -> None:
        """Make the staged commit durable and visible: waits for the disk, so best in a worker thread."""
        if self._failure:
            self._refuse()
        assert self._staged is not None, "nothing is staged"
        planned, txn = self._staged
        with self._fatal():
            while not self._is_committed(txn):
                txn = self._filled(planned)
            # a read under way keeps the view that it began with, and the view its transaction
            self._pruning = self._pruning_staged
            self._view = self._new_view(planned.memory)
            self._staged = None

    def _filled(self, planned: Plan) -> Transaction:
        """A write transaction with all that the plan puts; begun again where the map was too small."""
        if self._environment.is_nearly_full:
            self._grow()
        while True:
            txn = self._writer.begin()
            try:
                self._fill(txn, planned)
            except lmdb.MapFullError:
                self._writer.abort(txn)
                self._grow()
            except BaseException:
                self._writer.abort(txn)
                raise
            else:
                return txn

    def _is_committed(self, txn: Transaction) -> bool:
        """False where the map was too small for LMDB's own books, and nothing was written."""
        try:
            self._writer.commit(txn)
        except lmdb.MapFullError:
            self._grow()
            return False
        except BaseException:
            self._writer.abandon(txn)
            raise
        return True

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        """Whatever is raised ends the store: memory and disk may no longer say the same."""
        try:
            with mapped("committing", self._folder):
                yield
        except BaseException as error:
            self._failure = str(error) or type(error).__name__
            self._staged = None
            raise

    def _fill(self, txn: Transaction, planned: Plan) -> None:
        for database, key, value in planned.puts:
            txn.put(key, value, db=self._databases[database])
        for database, key in planned.deletes:
            txn.delete(key, db=self._databases[database])
        if planned.share is not None:
            self._fill_share(txn, planned.share, planned.memory.progress)
        if self._prune_to > 0:
            # by what is durable already, not by what this commit makes final
            memory, pruned = self._view.memory, self._pruning.pruned
            target = min(self._prune_to, highest_prunable(memory, self._settings.kept_blocks_min))
            self._pruning_staged = prune_share(self._environment, txn, pruned, target, memory.progress.generation)

    def _fill_share(self, txn: Transaction, share: Share, progress: Progress) -> None:
        for run, into in ((share.rows, self._rows), (share.nodes, self._nodes)):
            with txn.cursor(db=into) as cursor:
                cursor.putmulti(run.items())
        database = self._environment.transactions
        for item, place in share.places:
            key, location = index_key(progress.generation, item), encode_location(place)
            if not txn.put(key, location, overwrite=False, db=database):
                # another id with this prefix, or this very one, written before a crash cut the batch short
                present = txn.get(key, b"", db=database)
                if place not in decode_locations(present):
                    txn.put(key, present + location, db=database)
        txn.put(META_PROGRESS, encode_progress(progress), db=self._environment.meta)

    def _grow(self) -> None:
        """Reads wait; the view gets a new transaction, because growing ends all that are open."""
        with self._reading:
            self._view.txn.abort()
            self._environment.grow()
            self._view = self._new_view(self._view.memory)

    def reclaim(self, place: Place = BEGIN) -> Reclaimed:
        """One slice of giving free pages back to the disk, from where the last one ended.  For a worker thread."""
        if self._failure:
            self._refuse()
        with mapped("giving space back", self._folder):
            done = self._writer.alone(partial(reclaim_slice, self._environment, place))
            return Reclaimed(place, 0, is_done=False) if done is None else done

    # --- shared by reads ---

    def _new_view(self, memory: Memory) -> View:
        return View.of(self._environment, memory, self._environment.lmdb.begin(), self._pruning.pruned)

    def _on_disk(self, view: View, key: bytes, database: LmdbDatabase) -> bytes | None:
        """The caller holds `_reading`: hot, so no context manager."""
        try:
            return view.txn.get(key, db=database)
        except lmdb.Error as error:
            self._failure = f"reading failed: {error}"
            raise StorageError(f"{self._folder}: {self._failure}") from error

    def _flushed_node(self, place: bytes) -> bytes | None:
        """Without what is in memory; the map does not grow meanwhile, for a commit is what makes it grow."""
        return self._on_disk(self._view, place, self._nodes)

    @contextmanager
    def _shown(self) -> Iterator[View]:
        """The view, for reads that ask the disk several times."""
        with self._reading, mapped("reading", self._folder):
            if self._failure:
                self._refuse()
            try:
                yield self._view
            except (lmdb.Error, DamagedStore) as error:
                self._failure = f"reading failed: {error}"
                raise

    def _refuse(self) -> NoReturn:
        raise StorageError(f"the store is no longer used: {self._failure}")


def open_store(
    data_dir: Path,
    genesis: Genesis,
    *,
    flush_blocks: int = 20,
    map_bytes_min: int = MAP_BYTES_MIN,
    bytes_max: int = BYTES_MAX,
    marks: Marks = SHARES,
    kept_blocks_min: int = KEPT_BLOCKS_MIN,
) -> LmdbStore:
    """Open the ledger in a folder, or create it there.  `HomeInUse` where another process has it."""
    settings = Settings(flush_blocks, bytes_max, marks, kept_blocks_min)
    with mapped("opening the data folder", data_dir):
        make_folder(data_dir)
    lock = ProcessLock(data_dir / "lock")
    try:
        remove_leftovers(data_dir)
        if not (data_dir / NAME).exists():
            require_room(volume_of(data_dir, marks))
            create(data_dir, genesis, map_bytes_min, bytes_max)
        with mapped("opening the store", data_dir / NAME):
            environment = Environment(data_dir / NAME, map_bytes_min, bytes_max)
            try:
                require_chain(environment, genesis)
                return LmdbStore(data_dir, environment, lock, settings)
            except BaseException:
                environment.lmdb.close()
                raise
    except BaseException:
        lock.release()
        raise
