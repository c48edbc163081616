"""An honest peer beside an attack: connected before it, with a ping on its way all the time."""

from __future__ import annotations

from typing import NamedTuple, Self

import trio

from p2pchain.badpeers.answers import Silent, name_of
from p2pchain.badpeers.peer import BadPeer, Over, dial
from p2pchain.badpeers.targets import Target
from p2pchain.chain.types import ChainId
from p2pchain.wire.messages import Ping, Pong, Tips

MEET_S = 10.0
AGAIN_S = 0.2
PAUSE_S = 0.1
PATIENCE_S = 10.0
"""A sign of life that has not come by then does not count as late but as lost."""


class NoWitness(Exception):  # noqa: N818
    """An honest peer cannot join: there is nothing to attack here.  One line says why."""


class Seen(NamedTuple):
    """What it saw."""

    before: Tips
    after: Tips
    pings: int
    slowest_ping_s: float
    lost: str | None
    """Why its link ended, where it did."""


class Witness:
    def __init__(self, peer: BadPeer) -> None:
        self._peer = peer
        self._before = peer.theirs
        self._asked_s = 0.0
        self._slowest_s = 0.0
        self._pings = 0
        self._last_answered = trio.Event()
        self._is_finishing = False

    @classmethod
    async def meet(cls, target: Target, chain_id: ChainId) -> Self:
        """As a node does it: again, where it had to make room for another handshake.  `NoWitness` where it is not wanted."""
        why = "no answer"
        with trio.move_on_after(MEET_S):
            while True:
                try:
                    return cls(await _join(target, chain_id))
                except _ClosedOn as closed:
                    why = str(closed)
                    await trio.sleep(AGAIN_S)
        raise NoWitness(f"an honest peer cannot join within {MEET_S:g} s: {why}")

    async def watch(self) -> None:
        """One ping after the other, until `finish` or the end of the link."""
        try:
            while not self._is_finishing:
                await self._ping()
                await trio.sleep(PAUSE_S)
            await self._ping()
        except Over:
            pass
        self._last_answered.set()

    async def finish(self) -> Seen:
        """After one more ping was answered, or could not be."""
        self._is_finishing = True
        with trio.move_on_after(PATIENCE_S):
            await self._last_answered.wait()
        if not self._last_answered.is_set():
            self._slowest_s = max(self._slowest_s, trio.current_time() - self._asked_s)
        ending = self._peer.ending
        lost = None if ending is None else f"{name_of(ending.answer)} ({ending.text})"
        await trio.aclose_forcefully(self._peer.stream)
        return Seen(self._before, self._peer.theirs, self._pings, self._slowest_s, lost)

    async def _ping(self) -> None:
        self._asked_s = trio.current_time()
        await self._peer.say(Ping(self._pings))
        while (heard := await self._peer.hear()) != Pong(self._pings):
            if isinstance(heard, Pong):
                self._peer.conclude(Silent.BROKE_RULES, f"found {heard}, wanted the answer to ping {self._pings}")
        self._pings += 1
        self._slowest_s = max(self._slowest_s, trio.current_time() - self._asked_s)


class _ClosedOn(Exception):  # noqa: N818
    """The link was closed without a word."""


async def _join(target: Target, chain_id: ChainId) -> BadPeer:
    peer = await dial(target, chain_id, 0)
    try:
        await peer.join()
    except Over:
        assert peer.ending is not None
        await trio.aclose_forcefully(peer.stream)
        text = f"{name_of(peer.ending.answer)} ({peer.ending.text})"
        if peer.ending.answer is Silent.CLOSED:
            raise _ClosedOn(text) from None
        raise NoWitness(f"an honest peer is refused: {text}") from None
    except trio.Cancelled:
        await trio.aclose_forcefully(peer.stream)
        raise
    return peer
