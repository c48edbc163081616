"""Answering what peers ask of the chain's past, which nobody's slot depends on: peers take turns, and all of it together
may take a part of the loop's time and no more.

An answer is up to half a megabyte that is read, encoded and sealed, for a question of twenty bytes: without this, whoever
asks without end makes the blocks of this node late.
"""

from __future__ import annotations

from typing import Final

import trio

from p2pchain.node.events import BlocksRequested, BodiesRequested, BranchRequested, Event, Peer, ProofsRequested
from p2pchain.node.opening_sync import Question
from p2pchain.runtime.turns import Turns

WAITING_MAX: Final = 8
"""Questions of one peer that wait; whoever asks more is read more slowly.  A node that catches up has two open at one peer."""
REST: Final = 4
"""For every millisecond of answering, so many without: a fifth of the loop is worth 60 answers a second, 20 MB."""

_ASKED: Final = (BlocksRequested, BranchRequested, ProofsRequested, BodiesRequested)


class Serving:
    """One task takes; the loop says what each answer cost."""

    def __init__(self) -> None:
        self._questions = Turns[Peer, Question](WAITING_MAX)
        self._spent_s = 0.0

    async def put(self, peer: Peer, question: Question) -> None:
        await self._questions.put(peer, question)

    async def take(self) -> tuple[Peer, Question]:
        """The next one, once the answers before it have been rested from."""
        while spent := self._spent_s:
            self._spent_s = 0.0
            await trio.sleep(REST * spent)
        return await self._questions.take()

    def count(self, event: Event, spent_s: float) -> None:
        """`event` has been handled and its answer queued."""
        if isinstance(event, _ASKED):
            self._spent_s += spent_s
