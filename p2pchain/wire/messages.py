"""The messages, one named tuple each, with their number, their size limit and their encoding.

Blocks, transactions and certificates travel as the bytes that their signers signed and stay bytes here; `node.intake`
decodes them.  Large messages have the one shape that `codec.decode_byte_strings` splits without nesting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypeAlias

from p2pchain.chain.codec import (
    Value,
    decode_array,
    decode_byte_strings,
    encode,
    require_array,
    require_bytes,
    require_int,
    require_text,
)
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, BlockId, Height, Slot
from p2pchain.chain.votes import CERTIFICATE_BYTES_MAX, Ballot, Subject, decode_ballot

PROTOCOL_VERSION = 2
BLOCK_BYTES_MAX = 4 << 20
TRANSACTIONS_BYTES_MAX = 1 << 20
TRANSACTIONS_MAX = 10_000
ANSWER_BYTES_MAX = 1 << 20
"""What an answer aims at (one block at least): votes to the same peer wait behind it, because a frame is not cut."""
BLOCKS_MAX = 512
"""Blocks in one answer: as many as the longest unfinal branch (512)."""
_SMALL = 1024


class Tips(NamedTuple):
    """Where a node stands: `[slot, height, block_id]` of its last final block and of its head."""

    final: Subject
    head: Subject

    def to_value(self) -> tuple[Value, ...]:
        return (tuple(self.final), tuple(self.head))


class _Hello(NamedTuple):
    agent: str
    """Software and version, for people."""
    listen_port: int
    """Where the node accepts connections; 0 where it does not."""
    tips: Tips


class Hello(_Hello):
    """First message in either direction: `[agent, listen_port, tips]`.  Who says it the handshake has proven."""

    __slots__ = ()
    TYPE: ClassVar[int] = 1
    BYTES_MAX: ClassVar[int] = _SMALL

    @classmethod
    def decode(cls, body: bytes) -> Hello:
        agent, port, tips = decode_array(body, what="hello", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_text(agent, what="hello agent", size_max=64),
            require_int(port, what="hello port", high=65_535),
            _decode_tips(tips),
        )

    def encode(self) -> bytes:
        return encode((self.agent, self.listen_port, self.tips.to_value()))


class _Status(NamedTuple):
    tips: Tips


class Status(_Status):
    """Where the sender stands now: `[tips]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 2
    BYTES_MAX: ClassVar[int] = _SMALL

    @classmethod
    def decode(cls, body: bytes) -> Status:
        (tips,) = decode_array(body, what="status", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(_decode_tips(tips))

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


class _GetBlocks(NamedTuple):
    request: int
    """Chosen by the asker, repeated in the answer."""
    from_height: Height
    limit: int


class GetBlocks(_GetBlocks):
    """Asks for final blocks from a height on: `[request, from_height, limit]`.  Answered by `Blocks`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 7
    BYTES_MAX: ClassVar[int] = 64

    @classmethod
    def decode(cls, body: bytes) -> GetBlocks:
        request, height, limit = decode_array(body, what="get_blocks", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_int(request, what="get_blocks request"),
            Height(require_int(height, what="get_blocks height", low=1)),
            require_int(limit, what="get_blocks limit", low=1, high=BLOCKS_MAX),
        )

    def encode(self) -> bytes:
        return encode(tuple(self))


class _GetBranch(NamedTuple):
    request: int
    tip: BlockId
    after: BlockId = BlockId(ZERO_HASH)
    """A block on the way to `tip` that the asker has already; zero: from the answerer's last final block on."""


class GetBranch(_GetBranch):
    """Asks for the blocks that lead to `tip`: `[request, tip, after]`.  Answered by `Blocks`, as many as one answer holds."""

    __slots__ = ()
    TYPE: ClassVar[int] = 8
    BYTES_MAX: ClassVar[int] = 96

    @classmethod
    def decode(cls, body: bytes) -> GetBranch:
        request, tip, after = decode_array(body, what="get_branch", fields=3, bytes_max=cls.BYTES_MAX)
        return cls(
            require_int(request, what="get_branch request"),
            BlockId(require_bytes(tip, what="get_branch tip", size=HASH_BYTES)),
            BlockId(require_bytes(after, what="get_branch after", size=HASH_BYTES)),
        )

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Blocks(NamedTuple):
    request: int
    items: Sequence[bytes]
    """Blocks, oldest first, each followed by its certificate: confirms for final blocks, votes for a branch, or empty."""


class Blocks(_Blocks):
    """The answer to GetBlocks and GetBranch: `[request as 8 bytes, [block, certificate, block, certificate, ...]]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 9
    BYTES_MAX: ClassVar[int] = ANSWER_BYTES_MAX + BLOCK_BYTES_MAX + 65_536

    @classmethod
    def decode(cls, body: bytes) -> Blocks:
        heads, items = decode_byte_strings(body, what="blocks", heads=1, bytes_max=cls.BYTES_MAX, items_max=2 * BLOCKS_MAX)
        if len(items) % 2:
            raise Invalid(Code.MALFORMED, f"blocks lists {len(items)} items, pairs of block and certificate wanted")
        request = int.from_bytes(require_bytes(heads[0], what="blocks request", size=8), "big")
        return cls(request, items)

    def encode(self) -> bytes:
        return encode((self.request.to_bytes(8, "big"), self.items))


class _Ping(NamedTuple):
    token: int


class Ping(_Ping):
    """Asks for a sign of life: `[token]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 10
    BYTES_MAX: ClassVar[int] = 16

    @classmethod
    def decode(cls, body: bytes) -> Ping:
        (token,) = decode_array(body, what="ping", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(require_int(token, what="ping token"))

    def encode(self) -> bytes:
        return encode(tuple(self))


class Pong(_Ping):
    """The answer to a ping: `[token]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 11
    BYTES_MAX: ClassVar[int] = 16

    @classmethod
    def decode(cls, body: bytes) -> Pong:
        (token,) = decode_array(body, what="pong", fields=1, bytes_max=cls.BYTES_MAX)
        return cls(require_int(token, what="pong token"))

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Goodbye(NamedTuple):
    reason: int
    """A number of `wire.errors.Reason`; unknown ones are allowed."""
    text: str


class Goodbye(_Goodbye):
    """The sender closes the connection, and why: `[reason, text]`."""

    __slots__ = ()
    TYPE: ClassVar[int] = 12
    BYTES_MAX: ClassVar[int] = 512

    @classmethod
    def decode(cls, body: bytes) -> Goodbye:
        reason, text = decode_array(body, what="goodbye", fields=2, bytes_max=cls.BYTES_MAX)
        return cls(require_int(reason, what="goodbye reason", high=255), require_text(text, what="goodbye text", size_max=200))

    def encode(self) -> bytes:
        return encode((self.reason, self.text))


Message: TypeAlias = (
    Hello
    | Status
    | Transactions
    | BlockMessage
    | BallotMessage
    | CertificateMessage
    | GetBlocks
    | GetBranch
    | Blocks
    | Ping
    | Pong
    | Goodbye
)

MESSAGES: tuple[type[Message], ...] = (
    Hello,
    Status,
    Transactions,
    BlockMessage,
    BallotMessage,
    CertificateMessage,
    GetBlocks,
    GetBranch,
    Blocks,
    Ping,
    Pong,
    Goodbye,
)
BY_TYPE = {message.TYPE: message for message in MESSAGES}


def _decode_tips(value: Value) -> Tips:
    final, head = require_array(value, what="tips", fields=2)
    return Tips(_decode_tip(final), _decode_tip(head))


def _decode_tip(value: Value) -> Subject:
    slot, height, block = require_array(value, what="tip", fields=3)
    return Subject(
        Slot(require_int(slot, what="tip slot")),
        Height(require_int(height, what="tip height")),
        BlockId(require_bytes(block, what="tip block", size=HASH_BYTES)),
    )
