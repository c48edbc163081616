"""What happened, in the past tense.  Everything in an event is decoded and its signatures are verified.

`peer` names a connection (an integer that is never used twice); None where the node itself is the source.
"""

from __future__ import annotations

from typing import NamedTuple, NewType, TypeAlias

from p2pchain.chain.block import Block
from p2pchain.chain.compact import CompactForm
from p2pchain.chain.crypto import Verified
from p2pchain.chain.errors import Refusal
from p2pchain.chain.mempool import Limits
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import ZERO_HASH, BlockId, Height
from p2pchain.chain.votes import Ballot, Certificate, Subject
from p2pchain.node.room import Room
from p2pchain.wire.messages import Tips

Peer = NewType("Peer", int)
RequestId = NewType("RequestId", int)


class TimeReached(NamedTuple):
    """The moment that `Engine.next_ms` named has come, or any other."""


class PeerJoined(NamedTuple):
    peer: Peer
    tips: Tips


class PeerLeft(NamedTuple):
    peer: Peer


class StatusReceived(NamedTuple):
    peer: Peer
    tips: Tips


class BlockReceived(NamedTuple):
    """A new block from a peer, or our own, just signed (peer None)."""

    peer: Peer | None
    block: Verified[Block]


class BallotReceived(NamedTuple):
    """A vote or confirm from a peer, or our own, just signed (peer None)."""

    peer: Peer | None
    ballot: Verified[Ballot]


class CertificateReceived(NamedTuple):
    peer: Peer
    certificate: Verified[Certificate]


class TransactionsReceived(NamedTuple):
    """Transactions that a peer passed on."""

    peer: Peer
    transactions: tuple[Verified[Transaction], ...]


class TransactionsSubmitted(NamedTuple):
    """Transactions that a client handed in; answered by `Answer` with one result each, in order.

    An item that did not get as far as a verified transaction is its refusal.
    """

    request: RequestId
    items: tuple[Verified[Transaction] | Refusal, ...]


class TransactionsAnnounced(NamedTuple):
    """A peer names transactions that it can be asked for."""

    peer: Peer
    names: tuple[bytes, ...]


class TransactionsRequested(NamedTuple):
    peer: Peer
    names: tuple[bytes, ...]


class CompactBlockReceived(NamedTuple):
    """A new block from a peer, its transactions by their short ids."""

    peer: Peer
    block: Verified[CompactForm]


class BlockTransactionsRequested(NamedTuple):
    peer: Peer
    block: BlockId
    places: tuple[int, ...]


class BlockTransactionsReceived(NamedTuple):
    """A peer's answer to the question for transactions of a block."""

    peer: Peer
    block: BlockId
    transactions: tuple[Verified[Transaction], ...]


class BlocksReceived(NamedTuple):
    """A peer's answer to GetBlocks or GetBranch: blocks, oldest first, each with its certificate if it has one."""

    peer: Peer
    request: int
    blocks: tuple[tuple[Verified[Block], Verified[Certificate] | None], ...]


class BlocksRequested(NamedTuple):
    peer: Peer
    request: int
    from_height: Height
    limit: int


class BranchRequested(NamedTuple):
    peer: Peer
    request: int
    tip: BlockId
    after: BlockId = BlockId(ZERO_HASH)
    """A block on the way that the peer has already."""


class ProofsRequested(NamedTuple):
    """A peer asks for the headers of final blocks and what proves them."""

    peer: Peer
    request: int
    from_height: Height
    limit: int


class BodiesRequested(NamedTuple):
    """A peer asks for final blocks whose ids it has proofs of."""

    peer: Peer
    request: int
    from_height: Height
    limit: int


class ProofsReceived(NamedTuple):
    """A peer's answer to GetProofs: a chain of headers up to the last one that is proven, each below it by its id."""

    peer: Peer
    request: int
    parent: BlockId
    """Of the first of them."""
    links: tuple[Subject, ...]
    certificates: tuple[Verified[Certificate], ...]
    """Confirms on some of them, in ascending order; the last one proves all."""
    headers: int
    """How many there were in the answer, proven or not."""


class ProductionPaused(NamedTuple):
    """The operator asked this delegate to leave its slots empty."""


class ProductionResumed(NamedTuple):
    """The operator asked this delegate to produce again."""


class LimitsChanged(NamedTuple):
    """The operator gave the mempool more room, or less."""

    limits: Limits


class RoomMeasured(NamedTuple):
    """How much room the node's disk has left."""

    room: Room


Event: TypeAlias = (
    TimeReached
    | PeerJoined
    | PeerLeft
    | StatusReceived
    | BlockReceived
    | BallotReceived
    | CertificateReceived
    | TransactionsReceived
    | TransactionsSubmitted
    | TransactionsAnnounced
    | TransactionsRequested
    | CompactBlockReceived
    | BlockTransactionsRequested
    | BlockTransactionsReceived
    | BlocksReceived
    | BlocksRequested
    | BranchRequested
    | ProofsRequested
    | BodiesRequested
    | ProofsReceived
    | ProductionPaused
    | ProductionResumed
    | RoomMeasured
    | LimitsChanged
)
