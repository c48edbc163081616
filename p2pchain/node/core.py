"""What all decisions of a node share: the chain as it stands, what this node signed, and the effects in the making."""

from __future__ import annotations

from p2pchain.chain.ballots import Ballots
from p2pchain.chain.changing import Requirement
from p2pchain.chain.mempool import Mempool
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.state import StackedView
from p2pchain.chain.terms import PROTOCOL
from p2pchain.chain.tree import Node, Tree
from p2pchain.chain.types import BlockId, Height, PublicKey
from p2pchain.chain.voting import SignState
from p2pchain.node.acquaintance import Acquaintance
from p2pchain.node.effects import Broadcast, Effects, Noted, Outgoing, Send
from p2pchain.node.events import Peer
from p2pchain.node.header_chain import HeaderChain
from p2pchain.node.watch import Watch
from p2pchain.wire.messages import Message, Tips


class Core:
    """Owned by the engine; the parts of the node read and change it, one event at a time."""

    def __init__(self, spec: ChainSpec, tree: Tree, pool: Mempool, key: PublicKey | None, sign: SignState | None) -> None:
        self.recoveries = Recoveries()
        """What the operator installed."""
        self.refused_final: Height | None = None
        """The lowest block that peers claim to be final and this node's rules refuse."""
        self.spec = spec
        self.tree = tree
        self.ballots = Ballots()
        self.watch = Watch()
        self.pool = pool
        self.key = key
        """The consensus key that this node signs with, if any."""
        self.sign = sign
        """None while this node must stay silent because it does not know what it has signed."""
        self.supported = PROTOCOL
        """The newest version of the protocol that this node knows."""
        self.requirement: Requirement | None = None
        """What the head's branch will take, or takes, that this node does not know."""
        self.reveals: RevealSecret | None = None
        """Where there is a key: what its blocks reveal comes from this."""
        self.proven = HeaderChain()
        """Ids of final blocks that this node has proofs of and has not executed."""
        self.asked_bodies: dict[int, range] = {}
        """Questions for bodies under way, and which heights they ask for: what an answer must be is known before it is opened."""
        self.last_request = 0
        self.blocks_from = Height(1)
        """Final blocks from here on are promised to peers and clients: those below were pruned, or are about to be."""
        self.now_ms = 0
        self.slot = 0
        self.slot_start_ms = self.slot_end_ms = 0
        """Of the slot that runs: when it began, and when the next one does."""
        self.effects = Effects()
        self.head: Node = tree.head()
        self.peers: dict[Peer, Tips] = {}
        self.known = Acquaintance()
        """Transactions that were here."""
        self.lacking: dict[tuple[Peer, BlockId], tuple[int, ...]] = {}
        """Which transactions of which block whom was asked for: an answer that was not asked for is not worth a check."""

    def set_time(self, now_ms: int) -> None:
        """Once an event: everything asks for the slot."""
        self.now_ms = now_ms
        if not self.slot_start_ms <= now_ms < self.slot_end_ms:
            self.slot = self.spec.slot_at(now_ms)
            self.slot_start_ms, self.slot_end_ms = (self.spec.slot_start_ms(slot) for slot in (self.slot, self.slot + 1))

    @property
    def is_outgrown(self) -> bool:
        """Whether the head is the last block that this node can judge: what it cannot read now may be sound."""
        return self.head.schedule.terms.version > self.supported

    def is_beyond(self, height: int) -> bool:
        """Whether blocks at a height take a version that this node does not know: it need not fetch them."""
        return self.requirement is not None and height >= self.requirement.height

    @property
    def awaits_base(self) -> bool:
        """Whether a recovery is installed whose base is not known here yet: until then this node signs nothing."""
        return bool(self.recoveries) and self.recoveries.next_above(self.tree.root.height) is not None

    def tips(self) -> Tips:
        return Tips(self.tree.root.subject, self.head.subject, self.blocks_from)

    def head_view(self) -> StackedView:
        return self.tree.view(self.head)

    def new_request(self) -> int:
        """A number for a question, never used twice."""
        self.last_request += 1
        return self.last_request

    def send(self, peer: Peer, message: Message) -> None:
        self.effects.send.append(Send(peer, message))

    def broadcast(self, message: Message, but: Peer | None = None) -> None:
        self.effects.send.append(Broadcast(message, frozenset() if but is None else frozenset((but,))))

    def out(self, outgoing: Outgoing) -> None:
        self.effects.send.append(outgoing)

    def note(self, level: str, event: str, **fields: int | str | bytes | None) -> None:
        self.effects.publish.append(Noted(level, event, fields))
