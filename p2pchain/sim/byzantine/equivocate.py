"""Two blocks in one's own slot, each for a part of the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import decode_envelope, decode_header
from p2pchain.chain.state import ACCOUNTS, EMPTY_ACCOUNT
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import sibling
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.sim.population import delegate_signer
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
                made = sibling(self.actor.engine, request, [*request.transactions, self._payment(number + 1)])
                if made is not None:
                    self._siblings.append(self.actor.block(made))
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        if not isinstance(message, BlockMessage) or not self._siblings:
            return (Sent(message),)
        header = decode_envelope(message.raw).header
        if header.producer != self.actor.key or header.slot != self._slot:
            return (Sent(message),)
        return (Sent(BlockMessage(self.actor.random.choice([message.raw, *self._siblings]))),)

    def _payment(self, amount: int) -> Transaction:
        """Something to tell one sibling from the other; a nonce that is taken is left out of the block."""
        core, key = self.actor.engine.core, delegate_signer(self.actor.number)
        account = ACCOUNTS.load(core.head_view(), key.public_key) or EMPTY_ACCOUNT
        raw = build_transaction(key, core.spec, [Transfer(key.public_key, amount)], nonce=account.nonce, valid_until=core.slot + 100)
        return decode_transaction(raw, core.spec)
