"""Sending many transactions of one account: nonces in a row, signed as late as possible, and repaired where something was refused.

A refused transaction uses no nonce, so those behind it stand behind a gap: they are signed again.  Where the node knows another
next nonce (somebody else sends from this account, a waiting transaction expired, the client began anew), it is asked for it.
Only one `send` of a sender is under way at a time: the client sees to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2pchain.chain.actions import Action
from p2pchain.chain.address import encode_address
from p2pchain.chain.crypto import Signer
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import build_transaction, decode_transaction
from p2pchain.chain.types import AccountId
from p2pchain.client import calls
from p2pchain.client.answers import ErrorAnswer, SubmitResult
from p2pchain.client.errors import ClientError, NodeError, NodeUnreachableError
from p2pchain.client.flows import Flow

BATCH_MAX = 500
"""Transactions in one request: about 110 KB, and a few milliseconds of a node."""
VALID_SLOTS = 1_200
_MOVED = frozenset({"nonce_gap", "nonce_too_low", "replacement_fee_too_low"})
"""The nonce is not the account's next one: nothing is wrong with the transaction but that."""
_FULL = frozenset({"pool_full", "account_limit"})
"""Nothing more is taken now: what follows would be refused as well."""
_REPAIRS_MAX = 3
"""How often in a row the node may be asked for the next nonce without anything being taken."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one of the transactions that were to be sent."""

    id: str
    nonce: int
    raw: bytes
    error: ErrorAnswer | None
    """None where the node took it."""


class NotKnownError(ClientError):
    """The node went away under a request: `transactions` may have been taken.  Submitting the very same bytes again does no harm."""

    def __init__(self, transactions: Sequence[bytes], done: Sequence[Sent], why: NodeUnreachableError) -> None:
        super().__init__(
            f"{len(transactions)} transactions may have been taken: {why}; submit the same bytes again, they are executed once"
        )
        self.transactions = tuple(transactions)
        self.done = tuple(done)
        """What is known of those before."""


class SenderState:
    """The account that sends: its key, and the next nonce as far as it is known."""

    def __init__(self, signer: Signer, fee: int | None, valid_slots: int) -> None:
        self.signer = signer
        self.fee = fee
        self.valid_slots = valid_slots
        self.next_nonce: int | None = None
        self._spec: ChainSpec | None = None

    def send(self, items: Sequence[Sequence[Action]]) -> Flow[list[Sent]]:
        """One transaction for each list of actions; their fates, in order."""
        if self._spec is None:
            self._spec = (yield calls.genesis()).spec()
        spec, params = self._spec, (yield calls.params())
        address = encode_address(spec.address_prefix, AccountId(self.signer.public_key))
        done: list[Sent] = []
        repairs = 0
        while len(done) < len(items):
            if self.next_nonce is None:
                self.next_nonce = (yield calls.account(address))["next_nonce"]
            slot = (yield calls.status())["slot"]
            until = slot + min(self.valid_slots, params.validity_slots_max)
            first = self.next_nonce
            batch = items[len(done) : len(done) + BATCH_MAX]
            raws = [
                build_transaction(self.signer, spec, actions, nonce=first + place, valid_until=until, fee=self.fee, params=params)
                for place, actions in enumerate(batch)
            ]
            self.next_nonce = None  # not known until the answer is here
            try:
                results: list[SubmitResult] = yield calls.submit(raws)
            except NodeUnreachableError as error:
                raise NotKnownError(raws, done, error) from None
            before = len(done)
            done += self._settle(spec, raws, results, first)
            repairs = 0 if len(done) > before else repairs + 1
            if repairs > _REPAIRS_MAX:
                raise NodeError("nonce_gap", f"the node refuses nonce {first} of {address}, and names it as the next one")
        return done

    def _settle(self, spec: ChainSpec, raws: Sequence[bytes], results: Sequence[SubmitResult], first: int) -> list[Sent]:
        """The fates up to the first transaction that needs another nonce; sets the next nonce, where it is known."""
        fates: list[Sent] = []
        nonce = first
        for place, (raw, result) in enumerate(zip(raws, results, strict=False)):
            error = result["error"]
            code = error["code"] if error is not None else ""
            if code in _MOVED:
                # behind one that was refused for itself the gap is ours to close; else the account has moved, and the node is asked
                self.next_nonce = nonce if nonce < first + place else None
                return fates
            is_taken = error is None or code == "duplicate"
            fates.append(_sent(spec, raw, first + place, None if is_taken else error))
            nonce += is_taken
            if code in _FULL:
                fates += [_sent(spec, each, first + later, error) for later, each in enumerate(raws[place + 1 :], place + 1)]
                break
        self.next_nonce = nonce
        return fates


def _sent(spec: ChainSpec, raw: bytes, nonce: int, error: ErrorAnswer | None) -> Sent:
    return Sent(decode_transaction(raw, spec).id.hex(), nonce, raw, error)
