"""What is to be done, in the imperative, and in which order.

The shell performs the fields of `Effects` in the order in which they stand: first everything is on disk, then
signatures are made (each after its sign state is on disk), then messages leave, then clients are answered, then
subscribers are told.  Nothing is sent before what it promises is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import NamedTuple, TypeAlias

from p2pchain.chain.block import Block
from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Code, Evidence
from p2pchain.chain.evidence import Offence
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.state import Changes
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import BlockId, Height, TransactionId
from p2pchain.chain.votes import Certificate, Kind, Subject
from p2pchain.chain.voting import SignState
from p2pchain.node.events import Peer, RequestId
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import Message


class StoredBlock(NamedTuple):
    """A block above the final one, with what it does to the state."""

    block: Block
    changes: Changes


@dataclass(slots=True)
class Commit:
    """One durable batch."""

    blocks: list[StoredBlock] = field(default_factory=list)
    """New blocks, parents first."""
    certificates: list[Certificate] = field(default_factory=list)
    """Certificates of votes, for blocks that are stored and not final."""
    final: list[BlockId] = field(default_factory=list)
    """Stored blocks that became final, oldest first: their changes become the state."""
    confirms: list[Certificate] = field(default_factory=list)
    """Confirms of those of `final` that were made final by them, each with its ancestors: all that this node used, because
    a peer that follows needs the same over a change of the active set."""
    dropped: list[BlockId] = field(default_factory=list)
    """Stored blocks that fell away."""
    share: bool = False
    """Whether to commit even where there is nothing else: the store does a share of its pruning with every commit."""

    def __bool__(self) -> bool:
        return bool(self.blocks or self.certificates or self.final or self.dropped or self.share)


class SignBlock(NamedTuple):
    """Sign a header; the block comes back as `BlockReceived` with peer None."""

    header: bytes
    certificate: bytes
    transactions: tuple[Transaction, ...]
    state: SignState
    """What must be on disk before the signature leaves."""


class SignBallot(NamedTuple):
    """Sign a vote or confirm; it comes back as `BallotReceived` with peer None."""

    kind: Kind
    subject: Subject
    state: SignState


class Send(NamedTuple):
    peer: Peer
    message: Message


class Broadcast(NamedTuple):
    """Send to every peer but those named."""

    message: Message
    but: frozenset[Peer] = frozenset()


class SendFinalBlocks(NamedTuple):
    """Answer GetBlocks from the store: `limit` final blocks at most, as many as fit into one `Blocks`."""

    peer: Peer
    request: int
    from_height: Height
    limit: int
    with_proofs: bool = True
    """Whether each comes with the confirms that are stored with it."""


class SendProofs(NamedTuple):
    """Answer GetProofs from the store: headers of final blocks with their confirms, as many as fit into one `Proofs`."""

    peer: Peer
    request: int
    from_height: Height
    limit: int


class Disconnect(NamedTuple):
    peer: Peer
    reason: Reason
    text: str
    consequence: Consequence


class SubmitResult(NamedTuple):
    """What became of one submitted transaction."""

    id: TransactionId | None
    status: str
    code: Code | None
    message: str
    evidence: dict[str, Evidence]


class Answer(NamedTuple):
    request: RequestId
    results: Sequence[SubmitResult]


class KeepTransactions(NamedTuple):
    """Append accepted transactions to the journal that lets the mempool survive a restart."""

    transactions: tuple[Transaction, ...]


class BlockFinal(NamedTuple):
    """A block became final.  `latency_ms` is the time from the beginning of its slot, on this node's clock."""

    block: Block
    latency_ms: int
    failed: tuple[Failure, ...] = ()
    """Its transactions that paid their fee and did nothing else."""


class HeadChanged(NamedTuple):
    subject: Subject


class Noted(NamedTuple):
    """Something an operator may want to read, as a log event with fields."""

    level: str
    event: str
    fields: dict[str, Evidence]


class ContradictionSeen(NamedTuple):
    """Two contradicting signatures of one delegate: told once for each key, kind and slot."""

    offence: Offence
    first: bytes
    """The signed messages as they go into evidence."""
    second: bytes


class ProtocolOutgrown(NamedTuple):
    """The next block takes a version of the protocol that this node does not know: it can do nothing more, and must end."""

    version: int
    height: int
    supported: int


@unique
class MissReason(StrEnum):
    """Why a slot that should have had a block has none, as far as a node can tell.  Label values of a metric: never renamed."""

    SILENT = "silent"
    """Others voted at or after the slot, its delegate did not; or nothing was heard of it for a round."""
    LATE = "late"
    """Its block came after nobody could vote for it any more."""
    REFUSED = "refused"
    """Its block was invalid."""
    EMPTY = "empty"
    """It votes, and made no block."""
    NOT_BUILT_UPON = "not_built_upon"
    """Its block came in time, and another branch went on."""
    PAUSED = "paused"
    """This node's own slot: its operator asked for it."""
    CATCHING_UP = "catching_up"
    """This node's own slot: it lacked final blocks, or has just started."""
    RECORD_LOST = "record_lost"
    """This node's own slot: it does not know what its key has signed."""
    CLOCK = "clock"
    """This node's own slot: its clock jumped over it, or the machine slept."""
    NOT_CONNECTED = "not_connected"
    """This node's own slot: it had no peers."""
    NO_ROOM = "no_room"
    """This node's own slot: its disk is nearly full."""
    UNKNOWN = "unknown"
    """Nobody has voted since, so nothing can be told from that."""


class SlotMissed(NamedTuple):
    """A slot that should have had a block and has none."""

    slot: int
    delegate: bytes
    """Account."""
    reason: MissReason
    code: str
    """Of the refusal, where the block was refused; else empty."""


SignRequest: TypeAlias = SignBlock | SignBallot
Outgoing: TypeAlias = Send | Broadcast | SendFinalBlocks | SendProofs | Disconnect
Publication: TypeAlias = BlockFinal | HeadChanged | Noted | ContradictionSeen | ProtocolOutgrown | SlotMissed


@dataclass(slots=True)
class Effects:
    """The outcome of one event, field by field in the order of performance."""

    commit: Commit = field(default_factory=Commit)
    keep: list[KeepTransactions] = field(default_factory=list)
    sign: list[SignRequest] = field(default_factory=list)
    send: list[Outgoing] = field(default_factory=list)
    answer: list[Answer] = field(default_factory=list)
    publish: list[Publication] = field(default_factory=list)
