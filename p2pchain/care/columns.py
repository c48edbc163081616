"""What exports consist of: tables of named columns, each of one kind, in a fixed order.

The names and kinds are promised (docs/storage.md): columns may be added at the end, none is renamed or given another meaning.
Amounts are decimal text in JSON and decimal(20, 0) in Parquet: they exceed what a double holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum, unique
from functools import lru_cache
from typing import TypeAlias

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import encode_address
from p2pchain.chain.block import Envelope, decode_envelope
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.penalty import position_amount, unbonding_amount
from p2pchain.chain.state import ACCOUNTS, DELEGATES, STAKES, Delegate, Stakes, View
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import AccountId
from p2pchain.storage.inspection import StoredFinal
from p2pchain.storage.layout import decode_record

Value: TypeAlias = int | str | bytes
Row: TypeAlias = tuple[Value, ...]
ADDRESSES_KEPT = 1 << 16
"""Making one costs as much as reading a transaction, and the same few are in most."""


@unique
class Column(StrEnum):
    INTEGER = "integer"
    TEXT = "text"
    AMOUNT = "amount"
    """Coins in the smallest unit, below 2**63."""
    BYTES = "bytes"
    """Hex in JSON."""


BLOCKS: Mapping[str, Column] = {
    "height": Column.INTEGER,
    "slot": Column.INTEGER,
    "time_ms": Column.INTEGER,
    "hash": Column.TEXT,
    "parent": Column.TEXT,
    "producer": Column.TEXT,
    "state_root": Column.TEXT,
    "transactions": Column.INTEGER,
    "raw": Column.BYTES,
    "certificate": Column.BYTES,
}
TRANSFERS: Mapping[str, Column] = {
    "height": Column.INTEGER,
    "slot": Column.INTEGER,
    "time_ms": Column.INTEGER,
    "transaction": Column.TEXT,
    "position": Column.INTEGER,
    "action": Column.INTEGER,
    "sender": Column.TEXT,
    "recipient": Column.TEXT,
    "amount": Column.AMOUNT,
    "memo": Column.BYTES,
}
ACCOUNTS_TABLE: Mapping[str, Column] = {
    "height": Column.INTEGER,
    "address": Column.TEXT,
    "balance": Column.AMOUNT,
    "nonce": Column.INTEGER,
    "staked": Column.AMOUNT,
    "unbonding": Column.AMOUNT,
}


def block_row(envelope: Envelope, certificate: bytes, spec: ChainSpec) -> Row:
    """A row of `BLOCKS`; the certificate is of confirms, empty where the block was made final by one above it."""
    header = envelope.header
    return (
        header.height,
        header.slot,
        spec.slot_start_ms(header.slot),
        envelope.id.hex(),
        header.parent.hex(),
        header.producer.hex(),
        header.state_root.hex(),
        len(envelope.transactions),
        envelope.raw,
        certificate,
    )


def stored_block_rows(stored: StoredFinal, spec: ChainSpec) -> Iterator[Row]:
    yield block_row(decode_envelope(decode_record(stored.value, stored.key).raw), stored.confirms, spec)


class TransferRows:
    """Rows of `TRANSFERS`: one for each transfer that took place, so none of a transaction that paid its fee and failed."""

    def __init__(self, spec: ChainSpec) -> None:
        self._address = addresses(spec.address_prefix)

    def __call__(self, stored: StoredFinal, spec: ChainSpec) -> Iterator[Row]:
        record = decode_record(stored.value, stored.key)
        envelope = decode_envelope(record.raw)
        header = envelope.header
        failed = {failure.position for failure in record.failed}
        for position, raw in enumerate(envelope.transactions):
            if position in failed:
                continue
            transaction = decode_transaction(raw, spec)
            for number, action in enumerate(transaction.actions):
                if isinstance(action, Transfer):
                    yield (
                        header.height,
                        header.slot,
                        spec.slot_start_ms(header.slot),
                        transaction.id.hex(),
                        position,
                        number,
                        self._address(transaction.sender),
                        self._address(action.recipient),
                        action.amount,
                        action.memo,
                    )


class AccountRows:
    """Rows of `ACCOUNTS_TABLE`, as of the last final block."""

    def __init__(self, height: int, spec: ChainSpec, view: View) -> None:
        self._height = height
        self._view = view
        self._address = addresses(spec.address_prefix)
        self._delegate = lru_cache(1_024)(self._load_delegate)

    def __call__(self, key: bytes, value: bytes) -> Row:
        item, account = key[len(ACCOUNTS.prefix) :], ACCOUNTS.decode(value)
        stakes = (STAKES.load(self._view, item) if account.staker else None) or Stakes()
        staked = sum(position_amount(position, self._delegate(position.delegate)) for position in stakes.positions)
        unbonding = sum(unbonding_amount(entry, self._delegate) for entry in stakes.unbonding)
        return (self._height, self._address(item), account.balance, account.nonce, staked, unbonding)

    def _load_delegate(self, account: bytes) -> Delegate:
        delegate = DELEGATES.load(self._view, account)
        assert delegate is not None, "who is staked with is registered"
        return delegate


def addresses(prefix: str) -> Callable[[bytes], str]:
    @lru_cache(ADDRESSES_KEPT)
    def address(account: bytes) -> str:
        return encode_address(prefix, AccountId(account))

    return address
