"""Pruning beside a running node: what is promised first, what goes then, and the disk space given back last.

Peers and the engine are told before a body goes.  Bodies go with the commits of the node, a share each (`storage.pruning`);
space is given back in slices in a worker thread (`storage.reclaiming`).  Nothing here ever stands in the way of a slot.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.params import ChainSpec
from p2pchain.node.keeping import Keep, KeepingView, first_promised, wanted_from
from p2pchain.runtime.loop import NodeLoop
from p2pchain.storage import LmdbStore, NoHolesError, Place

LOOK_S = 2.0
"""Between two looks at what has become old: four blocks at 500 ms a slot."""
PRUNING_LOOK_S = 0.5
"""While there is something to take out."""
SLICE_PAUSE_S = 0.05
"""Between two slices of giving back, 4 ms each: commits wait for a slice, and most find none."""


class Pruner:
    """The operator's wishes, applied again and again; an order by hand is one wish more, once."""

    def __init__(
        self, keep: Keep, store: LmdbStore, loop: NodeLoop, spec: ChainSpec, needed_from: Callable[[], int], logger: FilteringBoundLogger
    ) -> None:
        """`needed_from` is the first height whose block somebody on this node has yet to read."""
        self._keep = keep
        self._store = store
        self._loop = loop
        self._spec = spec
        self._needed_from = needed_from
        self._logger = logger
        self._place = Place()
        self._holes = True
        self._given_back = self._told_from = 0
        self._ordered = trio.Event()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._want(self._keep)
            self._tell()
            if self._holes and self._store.blocks_from > 1:
                await self._give_back()
            before = self._store.blocks_from
            with trio.move_on_after(PRUNING_LOOK_S if self._store.is_pruning else LOOK_S):
                await self._ordered.wait()
            self._ordered = trio.Event()
            if self._store.is_pruning and self._store.blocks_from == before:  # no block came that could carry a share
                await self._loop.blocks_kept(self._loop.engine.core.blocks_from)

    def adopt(self, keep: Keep) -> None:
        """Other wishes, from the next look on."""
        self._keep = keep

    async def order(self, keep: Keep) -> KeepingView:
        """Prune now, once, what these wishes do not keep."""
        await self._want(keep)
        self._ordered.set()
        return self.view()

    def view(self) -> KeepingView:
        return KeepingView(
            keep=self._keep,
            blocks_from=max(self._loop.engine.core.blocks_from, self._store.blocks_from),
            is_pruning=self._store.is_pruning,
            disk_bytes=self._store.disk_bytes,
            given_back_bytes=self._given_back,
        )

    async def _want(self, keep: Keep) -> None:
        final = self._loop.engine.core.tree.durable.subject
        kept_from = min(self._needed_from(), wanted_from(keep, self._store, self._spec, final.height, final.slot))
        if kept_from <= self._store.blocks_from:
            return
        promised = first_promised(kept_from, final.height)
        if promised > self._loop.engine.core.blocks_from:
            await self._loop.blocks_kept(promised)
        self._store.prune_to(kept_from - 1)

    def _tell(self) -> None:
        blocks_from = self._store.blocks_from
        if not self._store.is_pruning and blocks_from != self._told_from:
            if self._told_from:
                self._logger.info("blocks pruned", blocks_from=blocks_from, disk_bytes=self._store.disk_bytes)
            self._told_from = blocks_from

    async def _give_back(self) -> None:
        while True:
            try:
                done = await trio.to_thread.run_sync(self._store.reclaim, self._place)
            except NoHolesError as error:
                self._holes = False
                self._logger.warning("no space given back", reason=str(error))
                return
            self._place = done.place
            self._given_back += done.bytes
            if done.is_done:
                return
            await trio.sleep(SLICE_PAUSE_S)
