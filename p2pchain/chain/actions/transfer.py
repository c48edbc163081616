"""Transfer: coins from the sender to another account."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from p2pchain.chain.actions.context import Context, Plain
from p2pchain.chain.codec import Value, require_array, require_bytes, require_int
from p2pchain.chain.coins import credit, debit
from p2pchain.chain.types import AMOUNT_MAX, KEY_BYTES

MEMO_BYTES_MAX = 256


class _Fields(NamedTuple):
    recipient: bytes
    """Account id, 32 bytes."""
    amount: int
    """At least 1."""
    memo: bytes = b""
    """Free for the sender's use, at most 256 bytes."""


class Transfer(_Fields, Plain):
    """`[1, recipient, amount, memo]`"""

    __slots__ = ()
    KIND: ClassVar[int] = 1
    NAME: ClassVar[str] = "transfer"
    WORK: ClassVar[int] = 10

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> Transfer:
        _, recipient, amount, memo = require_array(fields, what="transfer", fields=4)
        return cls(
            require_bytes(recipient, what="transfer recipient", size=KEY_BYTES),
            require_int(amount, what="transfer amount", low=1, high=AMOUNT_MAX),
            require_bytes(memo, what="transfer memo", size_max=MEMO_BYTES_MAX),
        )

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, self.recipient, self.amount, self.memo)

    @property
    def spends(self) -> int:
        return self.amount

    def apply(self, context: Context) -> None:
        debit(context.ledger, context.sender, self.amount)
        credit(context.ledger, self.recipient, self.amount)

    def view(self) -> dict[str, object]:
        return {"recipient": self.recipient, "amount": self.amount, "memo": self.memo}
