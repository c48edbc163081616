"""Registering and retiring a delegate.

The consensus key signs blocks and votes; the account keeps the coins.  A registration proves that the sender
holds the consensus key, so nobody can register another's key; a key once used stays with its account for ever,
because evidence names delegates by it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar, NamedTuple

from p2pchain.chain.actions.context import Context, Plain
from p2pchain.chain.codec import Value, require_array, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, Signer, is_valid_key, signed_message
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.staking import COMMISSION_WHOLE, require_delegate
from p2pchain.chain.state import CANDIDATES, DELEGATE_BY_KEY, DELEGATES, Delegate, Ledger, Single
from p2pchain.chain.types import KEY_BYTES, SIGNATURE_BYTES, ChainId


class _RegisterFields(NamedTuple):
    consensus_key: bytes
    """Ed25519 public key, 32 bytes."""
    commission_bps: int
    """0 to 10,000 hundredths of a percent."""
    proof: bytes
    """The consensus key's signature over the sender's account id, domain `p2pchain/delegate-key/1`."""


class RegisterDelegate(_RegisterFields, Plain):
    """`[2, consensus_key, commission_bps, proof]`"""

    __slots__ = ()
    KIND: ClassVar[int] = 2
    NAME: ClassVar[str] = "register_delegate"
    WORK: ClassVar[int] = 10_000

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> RegisterDelegate:
        _, key, commission, proof = require_array(fields, what="register_delegate", fields=4)
        return cls(
            require_bytes(key, what="consensus key", size=KEY_BYTES),
            require_int(commission, what="commission", high=COMMISSION_WHOLE),
            require_bytes(proof, what="consensus key proof", size=SIGNATURE_BYTES),
        )

    @classmethod
    def signed(cls, consensus_signer: Signer, account: bytes, commission_bps: int, chain_id: ChainId) -> RegisterDelegate:
        """The action with its proof, made by whoever holds the consensus key."""
        proof = consensus_signer.sign(Domain.DELEGATE_KEY, chain_id, account)
        return cls(consensus_signer.public_key, commission_bps, proof)

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND, *self)

    def signature_checks(self, sender: bytes, chain_id: ChainId) -> list[SignatureCheck]:
        return [SignatureCheck(self.consensus_key, signed_message(Domain.DELEGATE_KEY, chain_id, sender), self.proof)]

    def apply(self, context: Context) -> None:
        ledger = context.ledger
        if not is_valid_key(self.consensus_key):
            raise Invalid(Code.BAD_KEY, f"consensus key {self.consensus_key.hex()} is not a point of the main subgroup")
        owner = ledger.get(DELEGATE_BY_KEY, self.consensus_key)
        if owner is not None and owner.data != context.sender:
            raise Invalid(Code.DELEGATE_KEY_IN_USE, f"consensus key {self.consensus_key.hex()} belongs to another delegate")
        old = ledger.get(DELEGATES, context.sender)
        if old is not None and old.convicted_slot:
            slot = old.convicted_slot
            raise Invalid(Code.DELEGATE_CONVICTED, f"this account was convicted in slot {slot} and never stands again", slot=slot)
        if old is not None and not old.retired:
            raise Invalid(Code.DELEGATE_EXISTS, "this account is a delegate already: retire it first to change its terms")
        _add_candidate(ledger, context.sender, context.params.candidates_max)
        terms = {"consensus_key": self.consensus_key, "commission_bps": self.commission_bps, "retired": 0}
        row = old._replace(**terms) if old else Delegate(self.consensus_key, self.commission_bps)  # type: ignore[arg-type]
        ledger.put(DELEGATES, context.sender, row)
        ledger.put(DELEGATE_BY_KEY, self.consensus_key, Single(context.sender))

    def view(self) -> dict[str, object]:
        return {"consensus_key": self.consensus_key, "commission_bps": self.commission_bps}


class _NoFields(NamedTuple):
    pass


class RetireDelegate(_NoFields, Plain):
    """`[3]`: the sender no longer stands for election; its stakers may unstake as ever."""

    __slots__ = ()
    KIND: ClassVar[int] = 3
    NAME: ClassVar[str] = "retire_delegate"
    WORK: ClassVar[int] = 100

    @classmethod
    def decode(cls, fields: tuple[Value, ...]) -> RetireDelegate:
        require_array(fields, what="retire_delegate", fields=1)
        return cls()

    def to_value(self) -> tuple[Value, ...]:
        return (self.KIND,)

    def apply(self, context: Context) -> None:
        delegate = require_delegate(context.ledger, context.sender)
        if delegate.retired:
            raise Invalid(Code.DELEGATE_RETIRED, "this delegate is retired already")
        _remove_candidate(context.ledger, context.sender)
        context.ledger.put(DELEGATES, context.sender, delegate._replace(retired=1))

    def view(self) -> dict[str, object]:
        return {}


def candidate_ids(row: Single | None) -> list[bytes]:
    """The account ids in the candidates row, sorted."""
    data = row.data if row else b""
    return [data[i : i + KEY_BYTES] for i in range(0, len(data), KEY_BYTES)]


def _add_candidate(ledger: Ledger, account: bytes, candidates_max: int) -> None:
    ids = candidate_ids(ledger.get(CANDIDATES))
    if len(ids) >= candidates_max:
        raise NotYet(
            Code.DELEGATES_FULL, f"{len(ids)} delegates are registered, the network allows {candidates_max}", wanted=candidates_max
        )
    ids.insert(bisect_left(ids, account), account)
    ledger.put(CANDIDATES, b"", Single(b"".join(ids)))


def _remove_candidate(ledger: Ledger, account: bytes) -> None:
    ids = [item for item in candidate_ids(ledger.get(CANDIDATES)) if item != account]
    if not ids:
        raise NotYet(Code.TOO_FEW_DELEGATES, "this is the last delegate: the chain could never go on without it")
    ledger.put(CANDIDATES, b"", Single(b"".join(ids)))
