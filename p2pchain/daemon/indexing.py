"""The index follows the final blocks: in slices between the events of the loop, its writes in a worker thread.

Of ten parts of the time it takes one, however far behind it is, so a node keeps its slots while years are indexed.  A
failure ends the index, is told, and touches nothing else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.genesis import Genesis
from p2pchain.node.engine import Engine
from p2pchain.node.history import IndexBrokenError, IndexView, RoundView
from p2pchain.node.ports import Location
from p2pchain.storage import LmdbStore, StorageError
from p2pchain.storage.history import BlockFacts, HistoryBook, State, carried_after, facts_of, open_book

SLICE_S = 0.004
PAUSE_S = 0.036
"""After each slice: a tenth of the time, one slice of which delays a vote by 4 ms at most."""
LOOK_S = 0.25
"""Between two looks for new final blocks, once there are no more."""
ENTRIES_MAX = 65_536
"""Of a batch, about, two for each transfer: 10 MB of memory; the larger, the fewer times a page is written."""
WRITE_S = 1.0
"""A smaller batch is written after so long."""


class Indexer:
    """Implements `node.history.History`."""

    def __init__(self, path: Path, genesis: Genesis, store: LmdbStore, engine: Engine, logger: FilteringBoundLogger) -> None:
        self._path = path
        self._store = store
        self._engine = engine
        self._logger = logger
        self._failure = ""
        self._written_s = -math.inf
        self._was_built = False
        self._is_between_blocks = True
        self.book: HistoryBook = open_book(path, genesis.chain_id, first_state(genesis, store))

    def close(self) -> None:
        self.book.close()

    @property
    def needs_from(self) -> int:
        """The first height whose block must stay until it is indexed; none where the index does not go on."""
        return self.book.state.height + 1 if not self._failure else 1 << 62

    # --- node.history.History

    def view(self) -> IndexView:
        state = self.book.state
        return IndexView(state.from_height, state.height, self._engine.core.tree.durable.height, self.book.disk_bytes, self._failure)

    def transactions(self, account: bytes, before: Location, limit: int) -> Sequence[Location]:
        return self.book.transactions(account, before, limit)

    def rounds(self, account: bytes, before: int, limit: int) -> Sequence[RoundView]:
        return self.book.rounds(account, before, limit)

    # --- following

    async def run(self) -> None:
        """Until it fails; what was not written is indexed again after the next start."""
        try:
            while True:
                await self._follow()
        except (IndexBrokenError, StorageError) as error:
            self._failure = str(error)
            self._logger.warning("index stopped", reason=str(error), height=self.book.state.height)

    async def _follow(self) -> None:
        work = self._work()
        is_over = False
        while not is_over:
            is_over = self._slice(work)
            if self._is_between_blocks and self._is_due:
                await self._write()
            await trio.sleep(LOOK_S if is_over else PAUSE_S)
        if not self._was_built and self.view().is_built:
            self._was_built = True
            self._logger.info("index built", **self.view()._asdict())

    @property
    def _is_due(self) -> bool:
        """Whether what is indexed should be written now."""
        is_old = trio.current_time() - self._written_s >= WRITE_S
        return self.book.batch.entries >= ENTRIES_MAX or (is_old and self.book.state.height > self.book.written_height)

    def _slice(self, work: Iterator[None]) -> bool:
        """Whether there is nothing more for now.  It ends where a batch is due, too."""
        until = time.perf_counter() + SLICE_S
        return all(time.perf_counter() < until and not (self._is_between_blocks and self._is_due) for _ in work)

    def _work(self) -> Iterator[None]:
        """Final blocks on disk, one after the other, with pauses in between and within."""
        while (height := self.book.state.height + 1) <= self._engine.core.tree.durable.height:
            found = self._store.final_with_rows(height)
            if found is None:
                raise IndexBrokenError(f"block {height} was pruned before it was indexed; start again, the index begins anew")
            self._is_between_blocks = False
            for facts in facts_of(*found, self.book.state.carried, self._store):
                if isinstance(facts, BlockFacts):
                    yield from self.book.batch.add(facts)
                else:
                    yield
            self._is_between_blocks = True
            yield

    async def _write(self) -> None:
        await trio.to_thread.run_sync(self.book.write, self.book.begin_write())
        self.book.end_write()
        self._written_s = trio.current_time()


def first_state(genesis: Genesis, store: LmdbStore) -> State:
    """Where a new index begins: at the genesis, or above the first block that this node still has."""
    if store.blocks_from == 1:
        return State(1, 0, carried_after(genesis.changes().rows, {}, is_whole=True))
    found = store.final_with_rows(store.blocks_from)
    assert found is not None, "the newest blocks are never pruned"
    return State(store.blocks_from + 1, store.blocks_from, carried_after(found[1], {}, is_whole=False))
