"""A transaction: what its sender signed, kept beside the very bytes that were signed.

Wire form `[body, signature]`; `body` is the encoding of
`[version, chain_tag, sender, nonce, valid_until, fee, actions]`.  The id is the hash of the body bytes, so a
changed signature cannot change an id.  `decode_transaction` checks all that needs no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.chain.actions import Action, decode_action
from p2pchain.chain.codec import decode, decode_array, encode, require_array, require_at_most, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, Signer, digest, signed_message
from p2pchain.chain.errors import Code, Invalid, NotYet, shown
from p2pchain.chain.params import CHAIN_TAG_BYTES, ChainSpec, Params
from p2pchain.chain.types import AMOUNT_MAX, KEY_BYTES, SIGNATURE_BYTES, AccountId, ChainId, TransactionId

VERSION = 1
BYTES_CEILING = Params.ceiling("transaction_bytes_max")
"""Who decodes does not know yet which parameters are in force: the limit of any network holds here, the network's own later."""


_SHORT_BODY = 0xC4
"""A byte string whose length is one byte; that of a longer body is two."""
_SIGNATURE_TAIL = 2 + SIGNATURE_BYTES


class Transaction(NamedTuple):
    """A decoded transaction with its id and its bytes."""

    chain_tag: bytes
    sender: AccountId
    nonce: int
    """Number of transactions that the sender had sent before this one."""
    valid_until: int
    """Last slot in which a block may include it."""
    fee: int
    """Paid in full to the producer; at least `fee_min`."""
    actions: tuple[Action, ...]
    id: TransactionId
    body: bytes
    signature: bytes
    raw: bytes

    @property
    def spends(self) -> int:
        """Fee and all that its actions take out of the sender's balance, at most."""
        return self.fee + sum(action.spends for action in self.actions)


def decode_transaction(raw: bytes, spec: ChainSpec) -> Transaction:
    """The transaction in `raw`; `Invalid` names what is wrong.  Signatures are not yet checked."""
    body_value, signature_value = decode_array(raw, what="transaction", fields=2, bytes_max=BYTES_CEILING)
    body = require_bytes(body_value, what="transaction body")
    signature = require_bytes(signature_value, what="transaction signature", size=SIGNATURE_BYTES)
    fields = require_array(decode(body, what="transaction body"), what="transaction body", fields=7)
    version, tag, sender, nonce, valid_until, fee, actions = fields
    if type(version) is not int or version != VERSION:
        raise Invalid(Code.WRONG_VERSION, f"transaction has version {shown(version)}, {VERSION} wanted", wanted=VERSION)
    if tag != spec.chain_tag:
        found = require_bytes(tag, what="transaction chain tag", size=CHAIN_TAG_BYTES)
        raise Invalid(
            Code.WRONG_CHAIN,
            f"transaction was signed for chain {found.hex()}..., this is {spec.chain_tag.hex()}...",
            found=found,
            wanted=spec.chain_tag,
        )
    items = require_array(actions, what="transaction actions")
    if not items:
        raise Invalid(Code.MALFORMED, "transaction has 0 actions, at least 1 wanted", found=0)
    return Transaction(
        chain_tag=spec.chain_tag,
        sender=AccountId(require_bytes(sender, what="transaction sender", size=KEY_BYTES)),
        nonce=require_int(nonce, what="transaction nonce"),
        valid_until=require_int(valid_until, what="transaction valid_until"),
        fee=require_int(fee, what="transaction fee", high=AMOUNT_MAX),
        actions=tuple([decode_action(item) for item in items]),
        id=transaction_id(body),
        body=body,
        signature=signature,
        raw=raw,
    )


def transaction_id(body: bytes) -> TransactionId:
    """The hash of the body bytes."""
    return TransactionId(digest(Domain.TRANSACTION, body))


def id_in(raw: bytes) -> TransactionId:
    """The id of a transaction that was decoded before: in its one encoding the body lies between its length and the signature."""
    return transaction_id(raw[3 if raw[1] == _SHORT_BODY else 4 : -_SIGNATURE_TAIL])


def signature_checks(transaction: Transaction, chain_id: ChainId) -> list[SignatureCheck]:
    """All signatures that must hold before anything rests on this transaction."""
    checks = [SignatureCheck(transaction.sender, signed_message(Domain.TRANSACTION, chain_id, transaction.body), transaction.signature)]
    for action in transaction.actions:
        checks += action.signature_checks(transaction.sender, chain_id)
    return checks


def fee_min(transaction: Transaction, params: Params) -> int:
    """The least fee: by byte of the wire form and by work of the actions."""
    work = sum(action.WORK for action in transaction.actions)
    return len(transaction.raw) * params.fee_per_byte + work * params.fee_per_work


def validate_for_slot(transaction: Transaction, slot: int, params: Params) -> None:
    """Rules that depend on the slot of inclusion and on the parameters in force: sizes, expiry, the least fee."""
    _validate_size(transaction, params)
    if transaction.valid_until < slot:
        raise Invalid(
            Code.EXPIRED, f"valid until slot {transaction.valid_until}, it is slot {slot}", found=transaction.valid_until, slot=slot
        )
    latest = slot + params.validity_slots_max
    if transaction.valid_until > latest:
        raise NotYet(
            Code.VALIDITY_TOO_LONG,
            f"valid until slot {transaction.valid_until}, at most {latest} allowed in slot {slot}",
            found=transaction.valid_until,
            wanted=latest,
        )
    least = fee_min(transaction, params)
    if transaction.fee < least:
        raise Invalid(Code.FEE_TOO_LOW, f"fee is {transaction.fee}, at least {least} wanted", found=transaction.fee, wanted=least)


def _validate_size(transaction: Transaction, params: Params) -> None:
    require_at_most(len(transaction.raw), params.transaction_bytes_max, what="transaction", unit="bytes")
    require_at_most(len(transaction.actions), params.transaction_actions_max, what="transaction", unit="actions")


def build_transaction(
    signer: Signer,
    spec: ChainSpec,
    actions: Sequence[Action],
    *,
    nonce: int,
    valid_until: int,
    fee: int | None = None,
    params: Params | None = None,
) -> bytes:
    """Sign `actions` and return the wire form.  Without a `fee` the least one under `params` (the genesis') is found and paid."""
    if fee is None:
        fee = 0
        while (least := _fee_min_of(actions, fee, nonce, valid_until, spec, params or spec.genesis_params)) > fee:
            fee = least
    body = encode_body(spec.chain_tag, signer.public_key, nonce, valid_until, fee, actions)
    return encode((body, signer.sign(Domain.TRANSACTION, ChainId(spec.chain_id), body)))


def encode_body(tag: bytes, sender: bytes, nonce: int, valid_until: int, fee: int, actions: Sequence[Action]) -> bytes:
    """The bytes that a sender signs."""
    return encode((VERSION, tag, sender, nonce, valid_until, fee, tuple(action.to_value() for action in actions)))


def _fee_min_of(actions: Sequence[Action], fee: int, nonce: int, valid_until: int, spec: ChainSpec, params: Params) -> int:
    body = encode_body(spec.chain_tag, bytes(KEY_BYTES), nonce, valid_until, fee, actions)
    size = len(encode((body, bytes(SIGNATURE_BYTES))))
    return size * params.fee_per_byte + sum(action.WORK for action in actions) * params.fee_per_work
