"""Two ballots of one kind in one slot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.votes import Kind, Subject
from p2pchain.sim.byzantine.interface import Sent, Strategy
from p2pchain.wire.messages import BallotMessage, BlockMessage, Message


class DoubleVote(Strategy):
    """Votes for and confirms every block that it hears of, against all rules, beside what its engine does."""

    NAME: ClassVar[str] = "double_vote"
    DOC: ClassVar[str] = "a delegate votes for and confirms every block that it hears of, rivals included"

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        if isinstance(message, BlockMessage):
            envelope = decode_envelope(message.raw)
            subject = Subject(envelope.header.slot, envelope.header.height, envelope.id)
            for target in self.actor.connected():
                kind = self.actor.random.choice((Kind.VOTE, Kind.CONFIRM))
                self.actor.send(target, BallotMessage(self.actor.ballot(kind, subject)))
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        """Its own honest ballots reach only some, so that the others see the lies first."""
        is_own = isinstance(message, BallotMessage) and message.ballot.voter == self.actor.key
        return () if is_own and self.actor.random.random() < 0.5 else (Sent(message),)
