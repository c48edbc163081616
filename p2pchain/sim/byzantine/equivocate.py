"""Two blocks in one's own slot, each for a part of the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_header
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import own_header, payment, sibling
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.wire.messages import BlockMessage, Message

SIBLINGS_MAX = 3


class Equivocate(Strategy):
    """Signs up to three siblings of each block of its own and shows each node one of them."""

    NAME: ClassVar[str] = "equivocate"
    DOC: ClassVar[str] = "a leader signs several blocks in its slot and shows each node one of them"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._slot = 0
        self._siblings: list[bytes] = []

    def signs(self, request: SignRequest) -> bool:
        if isinstance(request, SignBlock):
            self._slot = decode_header(request.header).slot
            self._siblings = []
            for number in range(self.actor.random.randint(1, SIBLINGS_MAX)):
                made = sibling(self.actor.engine, request, [*request.transactions, payment(self.actor, number + 1)])
                if made is not None:
                    self._siblings.append(self.actor.block(made))
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        header = own_header(self.actor, message) if self._siblings else None
        if header is None or header.slot != self._slot:
            return (Sent(message),)
        self.acted()
        return (Sent(self.actor.random.choice([message, *map(BlockMessage, self._siblings)])),)
