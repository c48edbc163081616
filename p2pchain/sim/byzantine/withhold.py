"""Silence where something is owed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import SignBallot, SignRequest
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.wire.messages import BallotMessage, BlockMessage, Blocks, BlockTransactions, CertificateMessage, CompactBlock, Message

OWED = BallotMessage | BlockMessage | CompactBlock | BlockTransactions | Blocks | CertificateMessage


class Withhold(Strategy):
    """Sends blocks, ballots, certificates and answers to some nodes only, and at times to none."""

    NAME: ClassVar[str] = "withhold"
    DOC: ClassVar[str] = "a delegate sends blocks, ballots, certificates and answers to some nodes only"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._share = actor.random.choice((0.0, 0.2, 0.5))
        self._favoured: frozenset[int] = frozenset()

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        self._favoured = frozenset(node for node in self.actor.connected() if self.actor.random.random() < self._share)

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        is_owed = isinstance(message, OWED)
        if not is_owed or target in self._favoured:
            return (Sent(message),)
        self.acted()
        return ()


class WithholdVotes(Strategy):
    """Never votes; it confirms what others certify."""

    NAME: ClassVar[str] = "withhold_votes"
    DOC: ClassVar[str] = "a delegate never votes and does everything else"
    KIND: ClassVar[Kind] = Kind.VOTE

    def signs(self, request: SignRequest) -> bool:
        if not isinstance(request, SignBallot) or request.kind is not self.KIND:
            return True
        self.acted()
        return False


class WithholdConfirms(WithholdVotes):
    """Helps to certify and never to finalise: others lock and wait."""

    NAME: ClassVar[str] = "withhold_confirms"
    DOC: ClassVar[str] = "a delegate votes and never confirms"
    KIND: ClassVar[Kind] = Kind.CONFIRM
