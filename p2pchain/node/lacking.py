"""A node that needs blocks which no peer has, because all have pruned them: it says so, and does not wait in silence."""

from __future__ import annotations

from p2pchain.node.core import Core
from p2pchain.node.far_sync import FarSync
from p2pchain.node.progress import Lack
from p2pchain.node.sync import Sync

REMIND_MS = 600_000
"""Between two lines of the log that say the same."""


class Lacking:
    """Looks once a slot; told where it begins, and again now and then."""

    def __init__(self, core: Core, sync: Sync, far: FarSync) -> None:
        self._core = core
        self._sync = sync
        self._far = far
        self._told_ms: int | None = None

    def now(self) -> Lack | None:
        offered = self._sync.lowest_offer(self._far.reached, believed=True)
        return None if offered is None else Lack(max(self._far.reached, self._core.tree.root.height) + 1, offered)

    def look(self) -> None:
        lack, now_ms = self.now(), self._core.now_ms
        if lack is None:
            self._told_ms = None
        elif self._told_ms is None or now_ms >= self._told_ms + REMIND_MS:
            self._told_ms = now_ms
            self._core.note("warning", "blocks_pruned_by_all_peers", needed=lack.needed, offered=lack.offered)


def describe_lack(lack: Lack | None) -> str | None:
    if lack is None:
        return None
    return (
        f"cannot catch up: no peer gives block {lack.needed}, the lowest that one has is {lack.offered};"
        " it takes a peer that keeps all blocks (storage.keep_blocks = 0, keep_days = 0), or the data of a node that is further"
    )
