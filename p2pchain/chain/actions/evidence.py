"""Evidence against a delegate that signed two contradicting messages: anyone may submit it."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from p2pchain.chain.actions.context import Context, Plain
from p2pchain.chain.codec import Value, require_array, require_bytes
from p2pchain.chain.crypto import SignatureCheck
from p2pchain.chain.errors import Charged, Code
from p2pchain.chain.evidence import MESSAGE_BYTES_MAX, Offence, decode_statement, find_offence
from p2pchain.chain.penalty import divide, punish
from p2pchain.chain.state import DELEGATE_BY_KEY, DELEGATES
from p2pchain.chain.types import ChainId


class _Fields(NamedTuple):
    first: bytes
    """A signed message, as `chain.evidence` says; the smaller of the two."""
    second: bytes
    """The message that contradicts it."""


class SubmitEvidence(_Fields, Plain):
    """`[8, first, second]`: convict whoever signed both, once and for ever."""

    __slots__ = ()
    KIND: ClassVar[int] = 8
    NAME: ClassVar[str] = "evidence"
    WORK: ClassVar[int] = 200

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> SubmitEvidence:
        _, first, second = require_array(fields, what="evidence", fields=3)
        messages = [require_bytes(item, what="evidence message", size_max=MESSAGE_BYTES_MAX) for item in (first, second)]
        for raw in messages:
            decode_statement(raw)
        return cls(*messages)

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, self.first, self.second)

    def signature_checks(self, sender: bytes, chain_id: ChainId) -> list[SignatureCheck]:  # noqa: ARG002  (it does not matter who reports)
        return [decode_statement(raw).check(chain_id) for raw in self]

    def apply(self, context: Context) -> None:
        """Every refusal is charged: whether a pair convicts is known only once it is looked at."""
        ledger, params = context.ledger, context.params
        offence = find_offence(self.first, self.second)
        account = _convictable(context, offence)
        if context.slot - offence.slot > params.unbonding_slots:
            oldest = context.slot - params.unbonding_slots
            raise Charged(
                Code.STALE_EVIDENCE, f"the offence is of slot {offence.slot}, {oldest} or later wanted", found=offence.slot, wanted=oldest
            )
        taken = punish(ledger, account, offence_slot=offence.slot, slot=context.slot, slash_bps=params.slash_bps)
        divide(ledger, taken, context.sender, params.evidence_reward_bps)

    def view(self) -> dict[str, object]:
        offence = decode_statement(self.first).offence
        fields: dict[str, object] = {"consensus_key": offence.key, "signed": offence.kind.value, "slot": offence.slot}
        return {**fields, "first": self.first, "second": self.second}


def _convictable(context: Context, offence: Offence) -> bytes:
    """Account of the delegate whose key signed, and which is not convicted yet."""
    owner = context.ledger.get(DELEGATE_BY_KEY, offence.key)
    delegate = context.ledger.get(DELEGATES, owner.data) if owner is not None else None
    if owner is None or delegate is None:
        raise Charged(Code.NOT_A_DELEGATE, f"key {offence.key.hex()} belongs to no delegate", key=offence.key)
    if delegate.convicted_slot:
        slot = delegate.convicted_slot
        raise Charged(Code.KNOWN_EVIDENCE, f"delegate {owner.data.hex()} was convicted in slot {slot}", slot=slot)
    return owner.data
