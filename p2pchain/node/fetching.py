"""Fetching announced transactions: each from one peer at a time, and from the next one where it does not come.

A peer that announces and does not give costs one slot for what it announced, and is asked last for a while; it is
not punished: it may have dropped the transaction since.

Bounds: names wanted of one peer, so that a liar takes no room but its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from p2pchain.chain.types import TransactionId
from p2pchain.node.acquaintance import name_of
from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.wire.messages import NAMES_MAX, GetTransactions

WANTED_MAX = 4_096
"""Names of one peer: at 300 bytes each 100 MB with 80 peers that all lie, 8 MB where they tell of the same ones."""
TIMEOUT_MIN_MS = 250
"""However short the slots are: a round trip around the world."""
DISTRUST_SLOTS = 8


class Fetching:
    """What is wanted, of whom, and who was asked."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._holders: dict[bytes, list[Peer]] = {}
        self._asked: dict[bytes, Peer] = {}
        self._due: deque[tuple[int, Peer, bytes]] = deque()
        """In the order of their deadlines, because all have the same time."""
        self._new: list[bytes] = []
        self._count: dict[Peer, int] = {}
        self._distrusted: dict[Peer, int] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def announced(self, peer: Peer, names: Iterable[bytes]) -> None:
        """A peer can be asked for these."""
        count = self._count.get(peer, 0)
        for name in names:
            if name in self._core.known or count >= WANTED_MAX:
                continue
            holders = self._holders.get(name)
            if holders is None:
                holders = self._holders[name] = []
                self._new.append(name)
            if peer not in holders:
                holders.append(peer)
                count += 1
        self._count[peer] = count

    def arrived(self, items: Iterable[TransactionId]) -> None:
        """These are here, from whomever."""
        if not self._holders:
            return
        for item in items:
            self._forget(name_of(item))

    def holders(self, item: TransactionId) -> Sequence[Peer]:
        """Who announced a transaction that is wanted."""
        return self._holders.get(name_of(item), ())

    def plan(self) -> None:
        """Ask for what is new, and of somebody else for what did not come."""
        self._expire()
        if not self._new:
            return
        now, questions = self._core.now_ms, dict[Peer, list[bytes]]()
        for name in self._new:
            holders = self._holders.get(name)
            if not holders or name in self._asked:
                continue
            peer = next((holder for holder in holders if self._distrusted.get(holder, 0) <= now), holders[0])
            self._asked[name] = peer
            self._due.append((now + self.timeout_ms, peer, name))
            questions.setdefault(peer, []).append(name)
        self._new = []
        for peer, names in questions.items():
            for start in range(0, len(names), NAMES_MAX):
                self._core.send(peer, GetTransactions(tuple(names[start : start + NAMES_MAX])))

    @property
    def timeout_ms(self) -> int:
        return max(TIMEOUT_MIN_MS, self._core.spec.slot_ms)

    def next_ms(self) -> int | None:
        self._skip_settled()
        return self._due[0][0] if self._due else None

    def leave(self, peer: Peer) -> None:
        """Forget what a peer has; what it was asked for is asked of others."""
        for name in [name for name, holders in self._holders.items() if peer in holders]:
            self._give_up(name, peer)
        self._count.pop(peer, None)
        self._distrusted.pop(peer, None)

    def _expire(self) -> None:
        now = self._core.now_ms
        while self._due and self._due[0][0] <= now:
            _, peer, name = self._due.popleft()
            if self._asked.get(name) == peer:
                self._distrusted[peer] = now + DISTRUST_SLOTS * self._core.spec.slot_ms
                self._give_up(name, peer)

    def _skip_settled(self) -> None:
        while self._due and self._asked.get(self._due[0][2]) != self._due[0][1]:
            self._due.popleft()

    def _give_up(self, name: bytes, peer: Peer) -> None:
        holders = self._holders[name]
        holders.remove(peer)
        self._less(peer)
        if self._asked.get(name) == peer:
            del self._asked[name]
            self._new.append(name)
        if not holders:
            self._forget(name)

    def _forget(self, name: bytes) -> None:
        for peer in self._holders.pop(name, ()):
            self._less(peer)
        self._asked.pop(name, None)

    def _less(self, peer: Peer) -> None:
        self._count[peer] -= 1
        if not self._count[peer]:
            del self._count[peer]
