"""Staking with a delegate, taking stake back, and claiming what it earned."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from p2pchain.chain.actions.context import Context, Plain
from p2pchain.chain.codec import Value, require_array, require_bytes, require_int
from p2pchain.chain.coins import credit, debit
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.staking import begin_unbonding, change_stake, held_with, require_delegate, stakes_of
from p2pchain.chain.state import Unbonding
from p2pchain.chain.types import AMOUNT_MAX, KEY_BYTES


class _Fields(NamedTuple):
    delegate: bytes
    """The delegate's account id, 32 bytes."""
    amount: int
    """At least 1."""


class Stake(_Fields, Plain):
    """`[4, delegate, amount]`: lock coins to a delegate."""

    __slots__ = ()
    KIND: ClassVar[int] = 4
    NAME: ClassVar[str] = "stake"
    WORK: ClassVar[int] = 50

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> Stake:
        return cls(*_decode_fields(fields, cls.NAME))

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, *self)

    @property
    def spends(self) -> int:
        return self.amount

    def apply(self, context: Context) -> None:
        ledger = context.ledger
        if self.amount < context.params.stake_min:
            least = context.params.stake_min
            raise Invalid(Code.BAD_AMOUNT, f"stake is {self.amount}, at least {least} wanted", found=self.amount, wanted=least)
        delegate = require_delegate(ledger, self.delegate)
        if delegate.convicted_slot:
            slot = delegate.convicted_slot
            raise Invalid(Code.DELEGATE_CONVICTED, f"delegate {self.delegate.hex()} was convicted in slot {slot}", slot=slot)
        if delegate.retired:
            raise NotYet(Code.DELEGATE_RETIRED, f"delegate {self.delegate.hex()} is retired")
        debit(ledger, context.sender, self.amount)
        credit(ledger, context.sender, change_stake(ledger, context.sender, self.delegate, self.amount))

    def view(self) -> dict[str, object]:
        return {"delegate": self.delegate, "amount": self.amount}


class Unstake(_Fields, Plain):
    """`[5, delegate, amount]`: unlock coins; they can be spent after the unbonding period."""

    __slots__ = ()
    KIND: ClassVar[int] = 5
    NAME: ClassVar[str] = "unstake"
    WORK: ClassVar[int] = 50

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> Unstake:
        return cls(*_decode_fields(fields, cls.NAME))

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, *self)

    def apply(self, context: Context) -> None:
        ledger = context.ledger
        held = held_with(ledger, context.sender, self.delegate)
        left, least = held - self.amount, context.params.stake_min
        if 0 < left < least:
            raise Invalid(Code.BAD_AMOUNT, f"{left} of the stake would be left, 0 or at least {least} wanted", found=left, wanted=least)
        reward = change_stake(ledger, context.sender, self.delegate, -self.amount)
        release_slot = context.slot + context.params.unbonding_slots
        # what was cut is not cut again: no conviction can reach it any more
        owner = b"" if require_delegate(ledger, self.delegate).convicted_slot else self.delegate
        begin_unbonding(ledger, context.sender, Unbonding(self.amount, release_slot, owner, context.slot))
        credit(ledger, context.sender, reward)

    def view(self) -> dict[str, object]:
        return {"delegate": self.delegate, "amount": self.amount}


class _ClaimFields(NamedTuple):
    delegate: bytes
    """The delegate's account id, 32 bytes."""


class ClaimRewards(_ClaimFields, Plain):
    """`[6, delegate]`: settle the rewards of one position."""

    __slots__ = ()
    KIND: ClassVar[int] = 6
    NAME: ClassVar[str] = "claim_rewards"
    WORK: ClassVar[int] = 50

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> ClaimRewards:
        _, delegate = require_array(fields, what="claim_rewards", fields=2)
        return cls(require_bytes(delegate, what="claim_rewards delegate", size=KEY_BYTES))

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, self.delegate)

    def apply(self, context: Context) -> None:
        if all(p.delegate != self.delegate for p in stakes_of(context.ledger, context.sender).positions):
            raise NotYet(Code.NOTHING_TO_CLAIM, f"no stake with delegate {self.delegate.hex()}")
        credit(context.ledger, context.sender, change_stake(context.ledger, context.sender, self.delegate, 0))

    def view(self) -> dict[str, object]:
        return {"delegate": self.delegate}


def _decode_fields(fields: tuple[Value, ...], name: str) -> tuple[bytes, int]:
    _, delegate, amount = require_array(fields, what=name, fields=3)
    return (
        require_bytes(delegate, what=f"{name} delegate", size=KEY_BYTES),
        require_int(amount, what=f"{name} amount", low=1, high=AMOUNT_MAX),
    )
