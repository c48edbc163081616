"""Some links of one attack at once, for a bounded time, and what came of it.

Beside them an honest peer stays connected and asks for signs of life: that it is still there in the end, and never waited
long, is part of every expectation.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from p2pchain.badpeers.answers import Answer, Count, Ending, Silent, name_of
from p2pchain.badpeers.attack import Attack
from p2pchain.badpeers.peer import BadPeer, dial
from p2pchain.badpeers.targets import Target
from p2pchain.badpeers.witness import Seen, Witness
from p2pchain.chain.types import ChainId

SECONDS_MAX = 3_600.0
CONNECTIONS_MAX = 2_000
REOPEN_S = 0.05
"""Before a link that repeats is opened again where the node did not even accept it."""
WHOLE = 0.8
"""Who is connected for this share of the time has been since the beginning."""
PING_S_MAX = 2.0
"""The longest that an honest peer may wait for a sign of life."""


class Size(NamedTuple):
    """How long, and on how many links at once."""

    seconds: float
    connections: int


class Report(NamedTuple):
    attack: Attack
    target: Target
    size: Size
    seconds: float
    """How long it took."""
    counts: dict[Answer, Count]
    """By answer, the most frequent first."""
    refused: int
    """Connections that were not even accepted."""
    witness: Seen

    @property
    def findings(self) -> list[str]:
        """What the node did otherwise than it must; empty where it behaved."""
        attack, wanted = self.attack, " or ".join(sorted(map(name_of, self.attack.ANSWERS)))
        found = [
            f"{count.times} links ended with {name_of(answer)} ({count.text}), wanted {wanted}"
            for answer, count in self.counts.items()
            if answer not in attack.ANSWERS
        ]
        found += [
            f"{name_of(answer)} came after {count.slowest_s:.1f} s, wanted within {attack.WITHIN_S:.1f} s"
            for answer, count in self.counts.items()
            if attack.WITHIN_S is not None and answer is not Silent.HELD and count.slowest_s > attack.WITHIN_S
        ]
        if not self.counts:
            found.append(f"no link came about, {self.refused} were not accepted")
        return found + self._harm()

    def _harm(self) -> list[str]:
        seen = self.witness
        if seen.lost is not None:
            return [f"an honest peer lost its connection: {seen.lost}"]
        if seen.slowest_ping_s > PING_S_MAX:
            return [f"an honest peer waited {seen.slowest_ping_s:.1f} s for a sign of life, at most {PING_S_MAX:.1f} s allowed"]
        return []


async def run_campaign(attack: Attack, target: Target, chain_id: ChainId, size: Size) -> Report:
    """`OSError` or `witness.NoWitness` where an honest peer cannot connect before anything has begun."""
    campaign = _Campaign(attack, target, chain_id, size.seconds)
    began_s = trio.current_time()
    witness = await Witness.meet(target, chain_id)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(witness.watch)
        with trio.move_on_after(size.seconds):
            async with trio.open_nursery() as links:
                for number in range(size.connections):
                    links.start_soon(campaign.keep_one, number)
        seen = await witness.finish()
        nursery.cancel_scope.cancel()
    counts = dict(sorted(campaign.counts.items(), key=lambda item: -item[1].times))
    return Report(attack, target, size, trio.current_time() - began_s, counts, campaign.refused, seen)


class _Campaign:
    def __init__(self, attack: Attack, target: Target, chain_id: ChainId, seconds: float) -> None:
        self._attack = attack
        self._target = target
        self._chain_id = chain_id
        self._seconds = seconds
        self.counts: dict[Answer, Count] = {}
        self.refused = 0

    async def keep_one(self, number: int) -> None:
        """One link, or one after the other."""
        await trio.sleep(number * self._attack.APART_S)
        while True:
            try:
                await self._run_one(number)
            except OSError:
                self.refused += 1
                await trio.sleep(REOPEN_S)
            if not self._attack.REPEATS:
                return

    async def _run_one(self, number: int) -> None:
        peer = await dial(self._target, self._chain_id, number, self._attack.identity(number, self._chain_id))
        try:
            await self._attack.run(peer)
        finally:
            if (ending := self._ending_of(peer)) is not None:
                self._count(ending)
            await trio.aclose_forcefully(peer.stream)

    def _ending_of(self, peer: BadPeer) -> Ending | None:
        """None for a link that was opened again shortly before the end: it says nothing."""
        if peer.ending is None and self._attack.REPEATS and peer.age_s < WHOLE * self._seconds:
            return None
        return peer.ending or Ending(Silent.HELD, "until the time was over", peer.age_s)

    def _count(self, ending: Ending) -> None:
        before = self.counts.get(ending.answer, Count(0, ending.text, 0.0))
        self.counts[ending.answer] = Count(before.times + 1, before.text, max(before.slowest_s, ending.after_s))
