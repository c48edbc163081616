"""What is told unasked: where the sender stands, transactions, blocks, ballots, certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from p2pchain.chain.codec import decode_array, decode_byte_strings, encode
from p2pchain.chain.votes import CERTIFICATE_BYTES_MAX, Ballot, decode_ballot
from p2pchain.wire.messages.tips import Tips, decode_tips

BLOCK_BYTES_MAX = 4 << 20
TRANSACTIONS_BYTES_MAX = 1 << 20
TRANSACTIONS_MAX = 10_000


class _Status(NamedTuple):
    tips: Tips


class Status(_Status):
    """Where the sender stands now: `[tips]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 2
    BYTES_MAX: ClassVar[int] = 1024

    @classmethod
    def decode(cls, body: bytes) -> Status:
        (tips,) = decode_array(body, what="status", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(decode_tips(tips))

    def encode(self) -> bytes:
        return encode((self.tips.to_value(),))


class _Transactions(NamedTuple):
    items: Sequence[bytes]


class Transactions(_Transactions):
    """Transactions that the sender has accepted: `[[transaction, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 3
    BYTES_MAX: ClassVar[int] = TRANSACTIONS_BYTES_MAX + 65_536

    @classmethod
    def decode(cls, body: bytes) -> Transactions:
        _, items = decode_byte_strings(body, what="transactions", heads=0, bytes_max=cls.BYTES_MAX, items_max=TRANSACTIONS_MAX)
        return cls(items)

    def encode(self) -> bytes:
        return encode((self.items,))


class _BlockMessage(NamedTuple):
    raw: bytes


class BlockMessage(_BlockMessage):
    """A new block; the body is the block's own bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 4
    BYTES_MAX: ClassVar[int] = BLOCK_BYTES_MAX

    @classmethod
    def decode(cls, body: bytes) -> BlockMessage:
        return cls(body)

    def encode(self) -> bytes:
        return self.raw


class _BallotMessage(NamedTuple):
    ballot: Ballot


class BallotMessage(_BallotMessage):
    """A vote or a confirm: `[kind, body, voter, signature]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 5
    BYTES_MAX: ClassVar[int] = 256

    @classmethod
    def decode(cls, body: bytes) -> BallotMessage:
        return cls(decode_ballot(decode_array(body, what="ballot", fields=4, bytes_max=cls.BYTES_MAX)))

    def encode(self) -> bytes:
        return encode(self.ballot.to_value())


class _CertificateMessage(NamedTuple):
    raw: bytes


class CertificateMessage(_CertificateMessage):
    """A certificate; the body is the certificate's own bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 6
    BYTES_MAX: ClassVar[int] = CERTIFICATE_BYTES_MAX

    @classmethod
    def decode(cls, body: bytes) -> CertificateMessage:
        return cls(body)

    def encode(self) -> bytes:
        return self.raw
