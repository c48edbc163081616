"""Too late, or just in time to be of no use: every delay is a part of a slot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.sim.byzantine.forging import own_header
from p2pchain.sim.byzantine.interface import Sent, Strategy
from p2pchain.sim.pace import slot_ms
from p2pchain.wire.messages import Message


class _Late(Strategy):
    LEAST: ClassVar[float]
    MOST: ClassVar[float]

    def is_late(self, message: Message) -> bool:
        raise NotImplementedError

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        if not self.is_late(message):
            return (Sent(message),)
        self.acted()
        return (Sent(message, round(self.actor.random.uniform(self.LEAST, self.MOST) * slot_ms(self.actor.spec))),)


class LateBlock(_Late):
    """Each node gets the block at another moment, near the end of the slot or after it: some vote for it, some for the next."""

    NAME: ClassVar[str] = "late_block"
    DOC: ClassVar[str] = "a leader shows its block near the end of its slot or in the next one, to each node at another moment"
    LEAST, MOST = 0.6, 1.8

    def is_late(self, message: Message) -> bool:
        return own_header(self.actor, message) is not None


class LateVotes(_Late):
    """Its ballots come when the slot is over: a quorum that needs them is reached late, and by each node at another moment."""

    NAME: ClassVar[str] = "late_votes"
    DOC: ClassVar[str] = "a delegate sends its ballots half a slot to three slots late"
    LEAST, MOST = 0.5, 3.0

    def is_late(self, message: Message) -> bool:
        return self.is_own_ballot(message)


class DelayEverything(_Late):
    """A node that relays, answers and votes, all of it up to three slots later."""

    NAME: ClassVar[str] = "delay_everything"
    DOC: ClassVar[str] = "a delegate sends everything up to three slots late"
    LEAST, MOST = 0.1, 3.0

    def is_late(self, message: Message) -> bool:  # noqa: ARG002
        return True


class ReorderFlood(Strategy):
    """Everything twice or thrice and in any order: what was said last slot arrives after what is said now."""

    NAME: ClassVar[str] = "reorder_flood"
    DOC: ClassVar[str] = "a delegate sends everything up to three times, in any order"

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        self.acted()
        chance, most_ms = self.actor.random, slot_ms(self.actor.spec)
        return [Sent(message, chance.randint(1, most_ms)) for _ in range(chance.randint(1, 3))]
