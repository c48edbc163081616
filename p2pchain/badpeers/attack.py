"""What an attack is: a name, what it does on each link, and what a node must answer.

A subclass says the first in its class variables and the second in `perform` or `strike`; when that returns, the link is
listened to until it ends or the time is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeAlias

import trio

from p2pchain.badpeers.answers import Answer
from p2pchain.badpeers.peer import BadPeer, Identity, Over
from p2pchain.chain.types import ChainId
from p2pchain.wire.messages import Message


class Attack(ABC):
    """One for a whole campaign; its links come to `perform` side by side."""

    NAME: ClassVar[str]
    SUMMARY: ClassVar[str]
    """One line: what it does."""
    FAULT: ClassVar[str]
    """Of the catalogue of faults: F17 malformed and oversized frames, F18 bombs, F19 slowness and floods, F20 lies."""
    ANSWERS: ClassVar[frozenset[Answer]]
    """How a link may end.  Whatever else happens to a link is a finding."""
    WITHIN_S: ClassVar[float | None] = None
    """Where the answer has a deadline: the node's own, and two seconds for a machine under load."""
    SECONDS: ClassVar[float] = 3.0
    """How long it goes on unless told otherwise."""
    LEAST_S: ClassVar[float] = 0.0
    """Below that the answer cannot have come."""
    CONNECTIONS: ClassVar[int] = 3
    REPEATS: ClassVar[bool] = False
    """Whether a link that ended is opened again until the time is over."""
    APART_S: ClassVar[float] = 0.0
    """Between one link's beginning and the next one's."""
    CROWDS: ClassVar[bool] = False
    """Whether it takes places that others would need."""

    def identity(self, number: int, chain_id: ChainId) -> Identity | None:  # noqa: ARG002
        """Who this link is; None for a key of its own."""
        return None

    @abstractmethod
    async def perform(self, peer: BadPeer) -> None:
        """On a fresh connection; `Over` may leave it."""

    async def run(self, peer: BadPeer) -> None:
        """`perform`, then listen.  Returns when the link has ended."""
        try:
            await self.perform(peer)
            await peer.hear_end()
        except Over:
            assert peer.ending is not None


class JoinedAttack(Attack):
    """One that begins as a peer like any other: it has shaken hands and said hello."""

    READS: ClassVar[bool] = True
    """Whether it listens meanwhile; a node's last words are lost on who does not."""

    async def perform(self, peer: BadPeer) -> None:
        await self.join(peer)
        if not self.READS:
            await self.strike(peer)
            return
        await speak_and_listen(peer, self.strike, self._listen)

    async def join(self, peer: BadPeer) -> None:
        await peer.join()

    async def strike(self, peer: BadPeer) -> None:  # noqa: ARG002
        """What is done once both have said hello; by default nothing, for ever."""
        await trio.sleep_forever()

    async def react(self, peer: BadPeer, message: Message) -> None:
        """To what the node says; nothing by default."""

    async def _listen(self, peer: BadPeer) -> None:
        while True:
            await self.react(peer, await peer.hear())


Act: TypeAlias = Callable[[BadPeer], Awaitable[None]]


async def speak_and_listen(peer: BadPeer, speak: Act, listen: Act) -> None:
    """Both at once, until the link ends."""

    async def until_over(act: Act) -> None:
        try:
            await act(peer)
        except Over:
            nursery.cancel_scope.cancel()

    peer.has_listener = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(until_over, listen)
        nursery.start_soon(until_over, speak)
    peer.has_listener = False
