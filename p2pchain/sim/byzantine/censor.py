"""Some senders shall never get anything into the chain."""

from __future__ import annotations

from typing import ClassVar

from p2pchain.chain.errors import Invalid
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import AccountId
from p2pchain.node.effects import SignBallot, SignRequest
from p2pchain.sim.byzantine.interface import Actor, Strategy
from p2pchain.sim.population import ACCOUNTS, account_signer
from p2pchain.wire.messages import Message, Transactions


class Censor(Strategy):
    """Passes on, includes and votes for nothing of half of the clients; all censors of a world agree on whom."""

    NAME: ClassVar[str] = "censor"
    DOC: ClassVar[str] = "a delegate neither relays nor includes transactions of half of the accounts, nor votes for blocks that hold one"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._hated = frozenset(AccountId(account_signer(number).public_key) for number in range(0, ACCOUNTS, 2))

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        if not isinstance(message, Transactions) or not any(self._is_hated(raw) for raw in message.items):
            return True
        self.acted()
        return False

    def signs(self, request: SignRequest) -> bool:
        node = self.actor.engine.core.tree.get(request.subject.block) if isinstance(request, SignBallot) else None
        if node is None or node.block is None or not any(each.sender in self._hated for each in node.block.transactions):
            return True
        self.acted()
        return False

    def _is_hated(self, raw: bytes) -> bool:
        try:
            return decode_transaction(raw, self.actor.spec).sender in self._hated
        except Invalid:
            return False
