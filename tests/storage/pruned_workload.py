"""The same use of a disk with pruning in every commit and holes after each; what a power cut leaves of that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from p2pchain.storage import LmdbStore, open_store
from p2pchain.storage.reclaiming import BEGIN
from tests.storage.observing import observe
from tests.storage.workload import FLUSH_BLOCKS, LINE, MAKER, Workload, commit

KEPT_BLOCKS = 2


def zeros_instead(descriptor: int, offset: int, size: int) -> None:
    """What a hole reads as, written: a trace knows writes alone.  Like a hole it is synced by whoever syncs the file next."""
    os.pwrite(descriptor, bytes(size), offset)


class PrunedWorkload(Workload):
    """Commits alone; `blocks_from` after each is what must be found again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.steps = [each for each in self.steps if each[0] in {"open", "store", "final"}]
        self.blocks_from: list[int] = []
        self.given_back = 0

    def run(self, folder: Path, acknowledge: Callable[[int], None]) -> None:
        with self._open(folder) as store:
            self.blocks_from = [store.blocks_from]
            acknowledge(0)
            for number, (step, at) in enumerate(self.steps[1:], start=1):
                store.commit(commit(step, at))
                self.blocks_from.append(store.blocks_from)
                acknowledge(number)
                self.given_back += self._make_holes(store)

    def check(self, folder: Path, acknowledged: int, where: str) -> None:
        with self._open(folder) as store:
            found = observe(store, MAKER, LINE)
            done = self._commits(acknowledged)
            possible = range(done, self._commits(acknowledged + 1) + 1)
            sound = [commits for commits in possible if self._is(found, self._wanted[commits], self.blocks_from[commits])]
            assert sound, f"{where}: the store is neither at commit {done} nor at the one after"
            for step, at in self.steps[1 + sound[0] : 3 + sound[0]]:
                store.commit(commit(step, at))
                self._make_holes(store)
            commits = min(sound[0] + 2, len(self._wanted) - 1)
            assert store.blocks_from >= self.blocks_from[sound[0]], f"{where}: what was pruned came back"
            assert self._is(observe(store, MAKER, LINE), self._wanted[commits], store.blocks_from), f"{where}: it does not go on"
        shutil.rmtree(folder)

    def _is(self, found: dict[str, object], whole: dict[str, object], blocks_from: int) -> bool:
        """The same but for the bodies below a height, all of which and nothing else are gone."""
        final = whole["final"]
        assert isinstance(final, list)
        wanted = {**whole, "final": [None if height < blocks_from else block for height, block in enumerate(final)]}
        if blocks_from > 1:
            wanted["range"] = []
        return found == wanted

    def _open(self, folder: Path) -> LmdbStore:
        store = open_store(folder, MAKER.genesis, flush_blocks=FLUSH_BLOCKS, kept_blocks_min=KEPT_BLOCKS)
        store.prune_to(1 << 40)
        return store

    def _make_holes(self, store: LmdbStore) -> int:
        with patch("p2pchain.storage.reclaiming.punch_hole", zeros_instead), patch("p2pchain.storage.reclaiming.RUN_PAGES_MIN", 1):
            return store.reclaim(BEGIN).bytes
