"""Where the shell plugs in: what the edges may call, and what the loop needs of each edge.

`runtime` implements `Inlet`; `net` implements `Network`; `storage` implements `Store`, `SignStates` and `Journal`.
The edges never see one another, only these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from p2pchain.chain.consequences import Consequence
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.tree import Root
from p2pchain.chain.types import BlockId, TransactionId
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import Commit, SubmitResult
from p2pchain.node.events import Peer
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import Hello, Message, Tips


class Inlet(Protocol):
    """What an edge calls.  Waiting here is the back-pressure on whoever sent it, and on nobody else."""

    def tips(self) -> Tips:
        """Where this node stands, for a hello."""
        ...

    async def peer_joined(self, peer: Peer, hello: Hello) -> None: ...

    async def peer_left(self, peer: Peer) -> None: ...

    async def receive(self, peer: Peer, message: Message) -> None:
        """Take a message of an open connection; `ConnectionRefused` where it is a lie that its sender must answer for."""
        ...

    async def submit(self, transactions: Sequence[bytes]) -> Sequence[SubmitResult]:
        """Take signed transactions of a client; one result each, in order."""
        ...

    async def pause_production(self) -> None: ...

    async def resume_production(self) -> None: ...


class PeerView(NamedTuple):
    """A connected peer, for people."""

    peer: Peer
    node_id: str
    """Hex of its node key."""
    address: str
    outbound: bool
    agent: str
    connected_ms: int
    bytes_in: int
    bytes_out: int
    came_from: str = "inbound"
    """How its address became known: `persistent`, `seed`, `anchor`, `book`, or `inbound`."""


class BookEntryView(NamedTuple):
    """A node of the address book, for people."""

    node_id: str
    addresses: tuple[str, ...]
    told_by: str
    """The address of whoever told of it first."""
    tried: bool
    """Whether it was met where it is said to be."""
    met_ms: int
    """When it was met last; 0: never."""
    expires_ms: int
    failures: int
    anchor: bool


class BookView(NamedTuple):
    """The address book, for people."""

    new: int
    tried: int
    announced: tuple[str, ...]
    """Where this node says that it can be reached."""
    entries: tuple[BookEntryView, ...]


class PeerRefusal(NamedTuple):
    """A connection that was ended for a reason, newest last; a bounded list."""

    address: str
    node_id: str
    reason: str
    """Lower-case name of `wire.errors.Reason`."""
    message: str
    at_ms: int
    times: int


class PeerCounts(NamedTuple):
    """What became of connections since the network began, and who is shut out now."""

    refused_by_us: Mapping[str, int]
    """By reason; all of them are there, zeros too."""
    refused_by_peers: Mapping[str, int]
    """By the reason that they gave; `other` where it is of no version that this node knows."""
    bans: int
    """Put on a node key for a lie."""
    banned: int
    """Node keys that are banned now."""
    cooling: int
    """Addresses that must wait now, because several banned keys came from them."""


class BanView(NamedTuple):
    """Somebody who is shut out, for people."""

    who: str
    """A node key in hex, or an address."""
    kind: str
    """`lie`, `violation`, `by_hand` or `address`."""
    since_ms: int
    until_ms: int
    strikes: int
    why: str
    address: str
    """Where the key was met; empty where it was not."""


class BadPeerError(Exception):
    """What an operator named is no peer that can be banned; one line."""


class Gate(Protocol):
    """Who is let in: for the operator alone."""

    def banned(self) -> Sequence[BanView]: ...

    async def ban(self, who: str, duration_ms: int, why: str) -> BanView:
        """A node key in hex or an address; on disk when it returns.  `BadPeerError` where it is neither."""
        ...

    async def unban(self, who: str) -> bool:
        """Whether there was anything to lift; on disk when it returns.  `BadPeerError` as above."""
        ...


class Network(Protocol):
    """What the loop calls; nothing here ever waits.  A peer whose outbox is full is disconnected."""

    def send(self, peer: Peer, message: Message) -> None: ...

    def broadcast(self, message: Message, but: Collection[Peer]) -> None: ...

    def disconnect(self, peer: Peer, reason: Reason, text: str, consequence: Consequence) -> None: ...

    def peers(self) -> Sequence[PeerView]: ...

    def refusals(self) -> Sequence[PeerRefusal]: ...

    def peer_counts(self) -> PeerCounts: ...


class UnfinalBlock(NamedTuple):
    """A stored block above the final one, and its certificate of votes (empty where none is stored)."""

    raw: bytes
    certificate: bytes


class Recovered(NamedTuple):
    """Where the store stands when it is opened."""

    root: Root
    unfinal: Sequence[UnfinalBlock]
    """Parents first."""


class FinalBlock(NamedTuple):
    """A final block as stored: its bytes, and the confirms on it where it has its own (else empty)."""

    raw: bytes
    certificate: bytes
    failed: tuple[Failure, ...] = ()
    """Its transactions that paid their fee and did nothing else."""


class FinalHeader(NamedTuple):
    """The header of a final block as stored, and the confirms on it where it has its own (else empty)."""

    raw: bytes
    certificate: bytes


class RowWithPath(NamedTuple):
    """A state row as of a final block, with the nodes of the trie from the root down to where it is or would be."""

    height: int
    value: bytes | None
    nodes: tuple[bytes, ...]


class Location(NamedTuple):
    """Where a final transaction is."""

    height: int
    position: int


class Store(Protocol):
    """The ledger on disk.  Reads are as of the last `sync` that returned."""

    def get(self, key: bytes, /) -> bytes | None:
        """A state row as of the last final block."""
        ...

    def node(self, place: bytes, /) -> bytes | None:
        """A node of the state's trie as of the last final block."""
        ...

    def stage(self, commit: Commit) -> None:
        """Prepare one batch: short work, in the thread of the loop.  Errors as of `sync`."""
        ...

    def sync(self) -> None:
        """Make the staged batch durable and visible: waits for the disk, so it belongs into a worker thread.

        Raises `StorageError`, after which the process must end (S11).
        """
        ...

    def recovered(self) -> Recovered: ...

    @property
    def blocks_from(self) -> int:
        """The first height whose block is whole: of those below, header and confirms are there."""
        ...

    def final_block(self, height: int) -> FinalBlock | None:
        """None where there is none, or it was pruned."""
        ...

    def final_height(self, block: BlockId) -> int | None:
        """The height of a final block by its id."""
        ...

    def final_range(self, from_height: int, limit: int, bytes_max: int) -> list[FinalBlock]:
        """Final blocks from a height on, at most `limit` and at most `bytes_max` bytes (but one at least); none if it was pruned."""
        ...

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]:
        """The same of their headers alone, which are never pruned."""
        ...

    def transaction(self, item: TransactionId) -> Location | None:
        """Where it is, or was before that block was pruned."""
        ...

    def row_with_path(self, key: bytes) -> RowWithPath:
        """A row and where it lies in the trie, all as of one final block."""
        ...


class SignStates(Protocol):
    """The small file that remembers what was signed."""

    def load(self) -> SignState | None:
        """None where there is no record of what this key has signed."""
        ...

    def save(self, state: SignState) -> None:
        """Durable when it returns."""
        ...


class Journal(Protocol):
    """Accepted transactions, so that the mempool survives a restart."""

    def append(self, transactions: Sequence[bytes]) -> None: ...

    def load(self) -> list[bytes]: ...

    def rewrite(self, transactions: Sequence[bytes]) -> None: ...
