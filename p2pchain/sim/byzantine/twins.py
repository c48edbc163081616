"""Two engines with one key, each with a memory of its own (Bano et al., "Twins: BFT Systems Made Robust", 2021)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.node.effects import SignRequest
from p2pchain.sim.byzantine.interface import Sent, Strategy
from p2pchain.wire.messages import Message


class Twins(Strategy):
    """Each speaks to its own half of the network, by the parity of numbers, so each half knows one of the two."""

    NAME: ClassVar[str] = "twins"
    DOC: ClassVar[str] = "two nodes with one key and two memories, each of which speaks to its own half of the network"
    COPIES: ClassVar[int] = 2

    def signs(self, request: SignRequest) -> bool:  # noqa: ARG002
        if self.actor.is_copy:
            self.acted()
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        return (Sent(message),) if target % 2 == self.actor.is_copy else ()
