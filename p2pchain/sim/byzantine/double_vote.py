"""Two ballots of one kind in one slot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.votes import Kind
from p2pchain.sim.byzantine.forging import subject_in, unknown_block
from p2pchain.sim.byzantine.interface import Sent, Strategy
from p2pchain.wire.messages import BallotMessage, Message


class DoubleVote(Strategy):
    """Votes for and confirms every block that it hears of, against all rules, beside what its engine does."""

    NAME: ClassVar[str] = "double_vote"
    DOC: ClassVar[str] = "a delegate votes for and confirms every block that it hears of, and for rivals of them that nobody has"

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        subject = subject_in(message)
        if subject is not None:
            self.acted()
            rival = subject._replace(block=unknown_block(self.actor))
            for target in self.actor.connected():
                kind, about = self.actor.random.choice((Kind.VOTE, Kind.CONFIRM)), self.actor.random.choice((subject, subject, rival))
                self.actor.send(target, BallotMessage(self.actor.ballot(kind, about)))
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        """Its own honest ballots reach only some, so that the others see the lies first."""
        return () if self.is_own_ballot(message) and self.actor.random.random() < 0.5 else (Sent(message),)
