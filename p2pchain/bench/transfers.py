"""Signed transfers from many senders to many recipients, as fast as one process signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from p2pchain.bench.keys import key_of
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import build_transaction, decode_transaction, encode_body, fee_min, transaction_id
from p2pchain.chain.types import AccountId, ChainId

_LARGEST_NONCE = 2**32


class Signed(NamedTuple):
    sender: int
    """Number of the sender."""
    id: str
    """Hex, as the API names it."""
    raw: bytes


@dataclass(slots=True)
class Senders:
    """Accounts with keys, and the nonce that each is at."""

    spec: ChainSpec
    signers: Sequence[KeySigner]
    recipients: Sequence[AccountId]
    """Transfer number k of all goes to the k-th of them, in turn; as many as senders or more, so that pairs differ."""
    nonces: list[int] = field(default_factory=list)
    fee: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        self.nonces = self.nonces or [0] * len(self.signers)
        self.fee = self._fee()

    def sign(self, count: int, valid_until: int) -> list[Signed]:
        """So many transfers, the senders in turn."""
        return [self.sign_one((self.made) % len(self.signers), valid_until) for _ in range(count)]

    def sign_one(self, sender: int, valid_until: int) -> Signed:
        signer, nonce = self.signers[sender], self.nonces[sender]
        recipient = self.recipients[self.made % len(self.recipients)]
        if recipient == AccountId(signer.public_key):
            recipient = self.recipients[(self.made + 1) % len(self.recipients)]
        self.made += 1
        self.nonces[sender] = nonce + 1
        action = Transfer(recipient, 1 + self.made % 1_000)
        body = encode_body(self.spec.chain_tag, signer.public_key, nonce, valid_until, self.fee, [action])
        raw = encode((body, signer.sign(Domain.TRANSACTION, ChainId(self.spec.chain_id), body)))
        return Signed(sender, transaction_id(body).hex(), raw)

    def _fee(self) -> int:
        """One fee that is enough for all of them: looking for each one's least would cost as much as signing."""
        action = Transfer(self.recipients[0], 1_000)
        raw = build_transaction(self.signers[0], self.spec, [action], nonce=_LARGEST_NONCE, valid_until=_LARGEST_NONCE)
        return fee_min(decode_transaction(raw, self.spec), self.spec.genesis_params)


def sender_keys(seed: int, count: int, first: int = 0) -> list[KeySigner]:
    return [key_of(seed, "sender", first + number) for number in range(count)]
