"""Silence where something is owed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.wire.messages import BallotMessage, BlockMessage, Blocks, CertificateMessage, Message


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
        is_owed = isinstance(message, BallotMessage | BlockMessage | Blocks | CertificateMessage)
        return () if is_owed and target not in self._favoured else (Sent(message),)
