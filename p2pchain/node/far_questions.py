"""Questions of a node far behind that are under way: for proofs and for bodies, each with its deadline.

Nobody is late because this node is slow: an answer that is here and waits to be checked is not overdue, nor is what the
same peer sent behind it, which is not even read meanwhile.

Bounds: `PEER_WINDOW` questions a peer; who asks sees to it that there are no more in all than it can keep the answers of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.node.pace import Pace
from p2pchain.node.sync import PATIENCE_SLOTS, RESTING_MS, Sync

PEER_WINDOW = 2
"""While one answer is being checked the next is on its way; where a block fills an answer (up to 4 MiB of them) one is all that a
peer's outbox may have room for beside a proof."""


class Question(NamedTuple):
    peer: Peer
    from_height: int
    limit: int
    is_for_bodies: bool
    asked_ms: int
    arrived_ms: int | None = None
    """When the answer was here, which may still wait to be checked."""

    @property
    def end(self) -> int:
        return self.from_height + self.limit


class FarQuestions:
    """Who is asked what, and who can be asked more."""

    def __init__(self, core: Core, sync: Sync) -> None:
        self._core = core
        self._sync = sync
        self._asked: dict[int, Question] = {}
        self.window = 1
        """Questions that a peer may have, until it is known how large blocks are."""
        self._paces: dict[Peer, Pace] = {}
        self._served_ms: dict[Peer, int] = {}
        """When the last answer of a peer was done with: until then nothing behind it was read."""
        self._resting: dict[Peer, int] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def of_kind(self, *, bodies: bool) -> list[Question]:
        return [question for question in self._asked.values() if question.is_for_bodies == bodies]

    def arrived(self, peer: Peer, request: int) -> bool:
        """An answer is here: whether it was asked for.  Only the first one was, so none is checked twice."""
        question = self._asked.get(request)
        if question is None or question.peer != peer or question.arrived_ms is not None:
            return False
        self._asked[request] = question._replace(arrived_ms=self._core.now_ms)
        return True

    def owns(self, request: int) -> bool:
        return request in self._asked

    def choose_peer(self, height: int, *, bodies: bool, but: Iterable[Peer] = ()) -> Peer | None:
        """Who claims to have this height and has least to do; a doubted one only where there is no other.

        Bodies may have been pruned, proofs never are.
        """
        loads = dict.fromkeys(self._core.peers, 0)
        for question in self._asked.values():
            loads[question.peer] = loads.get(question.peer, 0) + 1
        excluded = set(but)
        able = [
            (self._sync.is_doubted(peer), loads[peer], peer)
            for peer, tips in self._core.peers.items()
            if tips.final.height >= height
            and (tips.blocks_from <= height or not bodies)
            and self._sync.is_possible(tips.final)
            and peer not in excluded
            if loads[peer] < self.window and self._resting.get(peer, 0) <= self._core.now_ms
        ]
        if not able:
            return None
        least = min(able)[:2]
        equal = sorted(peer for *load, peer in able if tuple(load) == least)
        return equal[self._core.last_request % len(equal)]

    def pace(self, peer: Peer) -> Pace:
        return self._paces.get(peer, Pace())

    def ask(self, peer: Peer, from_height: int, limit: int, *, bodies: bool) -> int:
        """Remember a question; its number."""
        request = self._core.new_request()
        self._asked[request] = Question(peer, from_height, limit, bodies, self._core.now_ms)
        if bodies:
            self._core.asked_bodies[request] = range(from_height, from_height + limit)
        return request

    def take(self, peer: Peer, request: int) -> Question | None:
        """The question that an answer is for, which is no longer open; asked when nothing before it was in its way."""
        question = self._asked.get(request)
        if question is None or question.peer != peer:
            return None
        del self._asked[request]
        self._core.asked_bodies.pop(request, None)
        if question.arrived_ms is not None:
            question = question._replace(asked_ms=max(question.asked_ms, self._served_ms.get(peer, 0)))
            self._served_ms[peer] = self._core.now_ms
        return question

    def forget(self, *, peer: Peer | None = None) -> None:
        """All questions, or those to one peer: what comes for them is not looked at."""
        for request in [number for number, question in self._asked.items() if peer in {None, question.peer}]:
            del self._asked[request]
            self._core.asked_bodies.pop(request, None)

    def was_good(self, question: Question) -> None:
        peer = question.peer
        arrived_ms = self._core.now_ms if question.arrived_ms is None else question.arrived_ms
        self._paces[peer] = self.pace(peer).after_answer(arrived_ms - question.asked_ms)
        self._sync.trust(peer)

    def was_bad(self, question: Question) -> None:
        """It gave nothing, or something else: others first, from now on."""
        self._resting[question.peer] = self._core.now_ms + RESTING_MS
        self._sync.doubt(question.peer)

    def leave(self, peer: Peer) -> None:
        self.forget(peer=peer)
        self._paces.pop(peer, None)
        self._served_ms.pop(peer, None)
        self._resting.pop(peer, None)

    def is_overdue(self, question: Question) -> bool:
        return self._core.now_ms >= self._since_ms(question) + self._patience_ms

    def expire(self) -> None:
        """Doubt who is late; ask no longer who let the deadline pass."""
        for request, question in list(self._asked.items()):
            if self.is_overdue(question):
                self._sync.doubt(question.peer)
            if self._core.now_ms >= self._since_ms(question) + self.pace(question.peer).deadline_ms:
                self.take(question.peer, request)
                self._resting[question.peer] = self._core.now_ms + RESTING_MS
                self._paces[question.peer] = self.pace(question.peer).slower()
                self._core.note("info", "peer_slow_to_answer", peer=question.peer, height=question.from_height)

    def next_ms(self) -> int | None:
        """When a question becomes overdue, or its deadline passes."""
        moments = (
            self._since_ms(question) + wait_ms
            for question in self._asked.values()
            for wait_ms in (self._patience_ms, self.pace(question.peer).deadline_ms)
        )
        return min((moment for moment in moments if moment > self._core.now_ms), default=None)

    @property
    def _patience_ms(self) -> int:
        return PATIENCE_SLOTS * self._core.spec.slot_ms

    def _since_ms(self, question: Question) -> int:
        """Since when this node waits for the peer, and not the peer for this node."""
        if any(other.arrived_ms is not None for other in self._asked.values() if other.peer == question.peer):
            return self._core.now_ms
        return max(question.asked_ms, self._served_ms.get(question.peer, 0))
