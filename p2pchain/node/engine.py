"""`engine.handle(event, now) -> effects`: the whole node, decided one event at a time.

Each event goes to the part that it concerns; then the same steps follow, whatever the event was: settle the head, plan
the catch-up, produce if it is our turn, send what has gathered.  `next_ms` says when to call again without an event.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, assert_never

from p2pchain.chain.block import Block, Envelope
from p2pchain.chain.consequences import consequence_by_state
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.mempool import Limits, Mempool
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.state import View
from p2pchain.chain.terms import PROTOCOL
from p2pchain.chain.tree import Node, Root, Tree
from p2pchain.chain.types import BlockId, PublicKey
from p2pchain.chain.votes import Certificate, Kind
from p2pchain.chain.voting import SignState
from p2pchain.node import events
from p2pchain.node.admission import Admission
from p2pchain.node.assembling import Assembling
from p2pchain.node.catching_up import CatchingUp
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.effects import (
    Disconnect,
    Effects,
    HeadChanged,
    MissReason,
    SendFinalBlocks,
    SendProofs,
    SignBallot,
)
from p2pchain.node.events import Event, Peer
from p2pchain.node.far_sync import FarSync
from p2pchain.node.fetching import Fetching
from p2pchain.node.gossip import Gossip
from p2pchain.node.importer import Importer
from p2pchain.node.misses import Misses
from p2pchain.node.producer import Producer, takes
from p2pchain.node.progress import Progress, SyncView
from p2pchain.node.relaying import Relaying
from p2pchain.node.sync import Sync
from p2pchain.node.upgrading import Upgrading
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import CertificateMessage

NOT_RECOVERED = Recoveries()

WAITING_MAX = 16
"""Blocks kept for a missing parent or for their time: a few slots' worth; whatever is lost is fetched again."""


class Waiting(NamedTuple):
    """A block that may become right."""

    peer: Peer | None
    block: Block


class Identity(NamedTuple):
    """What this node signs with, and what it remembers of it."""

    key: PublicKey | None = None
    sign: SignState | None = None
    """None while there is no record of what the key has signed."""
    reveals: RevealSecret | None = None
    """Derived from the key; without it a key votes and does not produce."""


class Engine:
    """A node's mind."""

    def __init__(
        self,
        spec: ChainSpec,
        root: Root,
        view: View,
        identity: Identity,
        limits: Limits,
        now_ms: int,
        *,
        supported: int = PROTOCOL,
        recoveries: Recoveries = NOT_RECOVERED,
    ) -> None:
        """`supported` is the newest version of the protocol that this node knows."""
        tree = Tree(root, view)
        self.core = Core(spec, tree, Mempool(spec, limits), identity.key, identity.sign)
        self.core.reveals = identity.reveals
        self.core.set_time(now_ms)
        self.core.supported = supported
        self.core.pool.params = self._params_reviewed = root.schedule.terms.params
        self.consensus = Consensus(self.core, spec.slot_at(now_ms))
        self.core.recoveries = recoveries
        self.consensus.recover()
        self.importer = Importer(self.core, self.consensus)
        self.producer = Producer(self.core)
        self.fetching = Fetching(self.core)
        self.gossip = Gossip(self.core, self.fetching)
        self.misses = Misses(self.core, self.consensus)
        self.sync = Sync(self.core)
        self.far = FarSync(self.core, self.sync, self.importer, self.consensus)
        self.progress = Progress(spec.slot_ms)
        self.upgrading = Upgrading(self.core, self.sync)
        self.admission = Admission(self.core, self.gossip)
        self._catching_up = CatchingUp(self.core, self.sync, self.importer, self.consensus, partial(self._block_received, asked=True))
        self.assembling = Assembling(self.core, self.sync, self._block_received)
        self.relaying = Relaying(self.core, self.consensus, self.gossip, self.fetching, self.assembling)
        self._waiting: dict[BlockId, Waiting] = {}
        self._slot_seen = 0
        self._revision_seen = -1
        self._head_told: Node | None = None
        self._resumed = False
        self._grace_ms = now_ms + spec.slot_ms
        """Until then a starting node does not produce: its peers may know more than it does."""

    def restore(self, blocks: list[tuple[Block, Certificate | None]]) -> None:
        """Rebuild the tree from stored unfinal blocks, parents first.  Nothing is written or sent."""
        for block, certificate in blocks:
            self.admission.restore(block.transactions)
            try:
                node = self.importer.add(block, in_sync=True)
            except NotYet:  # the clock was set back, or the parent was such a block: it is fetched again in its time
                continue
            if node is not None and certificate is not None:
                self.core.tree.certify(node, certificate)
        self.core.tree.restored()
        self.core.effects = Effects()
        self.core.head = self.core.tree.head()

    def handle(self, event: Event, now_ms: int) -> Effects:
        """One event in, everything that follows from it out."""
        core = self.core
        core.set_time(now_ms)
        core.effects = Effects()
        self.settled()
        self.consensus.recover()
        self._resume()
        self._dispatch(event)
        self.far.import_ready()
        self.assembling.look()
        self._retry_waiting()
        self._advance()
        return core.effects

    def sync_view(self, now_ms: int) -> SyncView | None:
        """How far a catch-up has come; None while this node is in step."""
        top = self.core.proven.top
        return self.progress.view(now_ms, self.core.tree.root.height, self.sync.target, 0 if top is None else top.height)

    def settled(self) -> None:
        """The shell has made the last effects' batch durable."""
        self.core.tree.settled()

    def next_ms(self) -> int:
        """When `TimeReached` is due at the latest."""
        due = self.core.slot_end_ms
        for moment in (self.relaying.next_ms(), self.far.next_ms(), self.sync.next_ms(), self.producer.next_ms()):
            if moment is not None and moment < due:
                due = moment
        return due

    def expects(self, peer: Peer, request: int) -> bool:
        """An answer of a peer is here: whether it was asked for.  From now on that peer is not late any more."""
        return self.sync.expects(peer, request) or self.far.questions.arrived(peer, request)

    @property
    def waiting(self) -> int:
        """Blocks kept for a missing parent or for their time."""
        return len(self._waiting)

    def _resume(self) -> None:
        """After a restart, say again what was said last (V1: resend, never decide again)."""
        sign, root = self.core.sign, self.core.tree.root
        if self._resumed or sign is None:
            return
        self._resumed = True
        for kind, subject in ((Kind.VOTE, sign.voted), (Kind.CONFIRM, sign.confirmed)):
            if subject.slot > root.slot:
                self.core.effects.sign.append(SignBallot(kind, subject, sign))

    def _dispatch(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915  (the table of events, one line each)
        match event:
            case events.TimeReached():
                pass
            case events.PeerJoined():
                self._peer_joined(event)
            case events.PeerLeft():
                self._peer_left(event.peer)
            case events.StatusReceived():
                self._status_received(event)
            case events.BlockReceived():
                self._block_received(event.peer, event.block.value)
            case events.BallotReceived():
                self.consensus.count(event.ballot.value, event.peer)
            case events.CertificateReceived():
                self._certificate_received(event.peer, event.certificate.value)
            case events.TransactionsReceived():
                self.admission.receive(event)
                self.relaying.transactions_came([item.value for item in event.transactions])
            case events.TransactionsSubmitted():
                self.admission.submit(event)
                self.relaying.transactions_came([item.value for item in event.items if not isinstance(item, Refusal)])
            case events.TransactionsAnnounced():
                self.relaying.announced(event)
            case events.TransactionsRequested():
                self.gossip.answer(event.peer, event.names)
            case events.CompactBlockReceived():
                self._header_came(event.block.value.envelope)
                self.relaying.compact_block_came(event)
            case events.BlockTransactionsRequested():
                self.relaying.answer(event)
            case events.BlockTransactionsReceived():
                self.relaying.block_transactions_came(event)
            case events.BlocksReceived():
                if self.far.owns(event.request):
                    self.far.receive_bodies(event)
                else:
                    self._catching_up.receive(event)
            case events.BlocksRequested():
                self.core.out(SendFinalBlocks(event.peer, event.request, event.from_height, event.limit))
            case events.BodiesRequested():
                self.core.out(SendFinalBlocks(event.peer, event.request, event.from_height, event.limit, with_proofs=False))
            case events.ProofsRequested():
                self.core.out(SendProofs(event.peer, event.request, event.from_height, event.limit))
            case events.ProofsReceived():
                self.far.receive_proofs(event)
            case events.BranchRequested():
                self._catching_up.answer_branch(event)
            case events.ProductionPaused():
                self.producer.paused = True
            case events.ProductionResumed():
                self.producer.paused = False
            case events.RoomMeasured():
                self.producer.measured(event.room)
            case events.LimitsChanged():
                self.core.pool.limits = event.limits
            case _:
                assert_never(event)

    def _advance(self) -> None:
        """What follows every event."""
        core = self.core
        if core.tree.revision != self._revision_seen:  # nine events of ten change nothing in the tree
            self._settle_head()
            self._revision_seen = core.tree.revision
        self.upgrading.look()
        if core.slot != self._slot_seen:
            self.misses.look(core.slot, seen=self._slot_seen, own=self._why_idle())
            self._slot_seen = core.slot
            core.pool.expire(core.slot, core.head_view())
            self.gossip.tell_status()
            for peer in core.peers:  # a question may have been lost, and a peer that stands still says nothing new
                self._look_at(peer)
        self.far.plan()
        if not self.far.is_active:
            self.sync.plan()
        self.progress.look(core.now_ms, core.tree.root.height, is_behind=self.sync.is_behind)
        if self.producer.is_time() and not self.sync.is_behind and core.now_ms >= self._grace_ms:
            self.producer.produce()
        self.relaying.advance()

    def _why_idle(self) -> MissReason | None:
        """What keeps this node from filling a slot of its own, or from knowing what others do."""
        if self.sync.is_behind or self.core.now_ms < self._grace_ms:
            return MissReason.CATCHING_UP
        if not self.core.peers and len(self.core.head.schedule.active) > 1:
            return MissReason.NOT_CONNECTED
        if self.core.key is not None and self.core.sign is None:
            return MissReason.RECORD_LOST
        if self.producer.is_short_of_room:
            return MissReason.NO_ROOM
        return MissReason.PAUSED if self.producer.paused else None

    def _settle_head(self) -> None:
        core = self.core
        if core.effects.commit.final:
            self.misses.heard_final()
            self.consensus.recover_voice()
            self.gossip.tell_status()
        head = core.head = core.tree.head()
        core.pool.params = head.schedule.terms.params
        self._review_pool()
        if head is not self._head_told:
            self._head_told = head
            core.effects.publish.append(HeadChanged(head.subject))
            self.admission.head_changed()
        if core.tree.is_overgrown:
            protected = {head.id} if core.sign is None else {head.id, core.sign.lock.block, core.sign.voted.block}
            core.effects.commit.dropped += [node.id for node in core.tree.prune(protected)]

    def _review_pool(self) -> None:
        """Once new parameters are final, what they do not allow leaves the pool: no leader would ever include it."""
        core = self.core
        params = core.tree.root.schedule.terms.params
        if params is not self._params_reviewed and params != self._params_reviewed:
            self._params_reviewed = params
            core.pool.review(core.slot, core.head_view())

    # --- peers

    def _peer_joined(self, event: events.PeerJoined) -> None:
        self.core.peers[event.peer] = event.tips
        self.consensus.resend(event.peer)
        self.gossip.welcome(event.peer)
        self._look_at(event.peer)

    def _peer_left(self, peer: Peer) -> None:
        self.core.peers.pop(peer, None)
        self.sync.leave(peer)
        self.far.leave(peer)
        self.fetching.leave(peer)
        self.assembling.leave(peer)

    def _status_received(self, event: events.StatusReceived) -> None:
        if event.peer in self.core.peers:
            self.core.peers[event.peer] = event.tips
            self._look_at(event.peer)

    def _look_at(self, peer: Peer) -> None:
        """Fetch what leads to a peer's head, once its final blocks are no longer ahead of ours."""
        tips, tree = self.core.peers[peer], self.core.tree
        if self.core.is_beyond(tips.head.height):
            return
        if tips.head.height > tree.root.height and tips.head.block not in tree and not self.sync.is_behind:
            self.sync.ask_branch(peer, tips.head.block)

    # --- blocks and certificates

    def _block_received(self, peer: Peer | None, block: Block, *, asked: bool = False) -> None:
        self._header_came(block)
        try:
            self._import(peer, block, asked=asked)
        except NotYet as refusal:
            self._keep_waiting(peer, block, refusal)
        except Invalid as refusal:
            self._refuse_block(peer, block, refusal)

    def _header_came(self, block: Block | Envelope) -> None:
        """Signed by its producer: also a block too late to be put together can convict, or tell why a slot was missed."""
        self.consensus.witness.see_block(block)
        self.misses.came(block)

    def _import(self, peer: Peer | None, block: Block, *, asked: bool) -> None:
        node = self.importer.add(block, executed=takes(self.producer.built, block), asked=asked)
        if node is None:
            return
        if self.consensus.is_current(node.slot):
            # Nobody votes for an older one, and whoever builds on it is asked for it.  Were it passed on, then a block
            # that fell out of one full tree would come back from the next as a new one, without end.
            self.relaying.pass_on(block, peer)
        self.relaying.transactions_came(block.transactions)
        self._consider(node)

    def _consider(self, node: Node) -> None:
        """A new node: its certificate may certify an ancestor, it may be voted for, ballots may be waiting for it."""
        assert node.block is not None
        self.consensus.recover()
        if node.block.certificate is not None:
            self.consensus.certify_carried(node.block.certificate)
        if node.id in self.core.tree:
            self.consensus.consider(node)
        self.core.head = self.core.tree.head()

    def _keep_waiting(self, peer: Peer | None, block: Block, refusal: NotYet) -> None:
        if self.core.is_beyond(block.header.height):
            return
        is_by_delegate = block.header.producer in self.consensus.known_voters()
        if refusal.code in (Code.UNKNOWN_PARENT, Code.FUTURE_SLOT) and is_by_delegate:
            self._waiting[block.id] = Waiting(peer, block)
            if len(self._waiting) > WAITING_MAX:
                del self._waiting[next(iter(self._waiting))]
        if refusal.code is Code.UNKNOWN_PARENT and peer is not None and peer in self.core.peers and not self.sync.is_behind:
            self.sync.ask_branch(peer, block.header.parent)

    def _retry_waiting(self) -> None:
        """Blocks whose parent or time has come."""
        tree = self.core.tree
        moved = bool(self._waiting)
        while moved:
            moved = False
            for item, (peer, block) in list(self._waiting.items()):
                if block.header.height <= tree.root.height:
                    del self._waiting[item]
                elif block.header.parent in tree and self.core.slot >= block.header.slot:
                    del self._waiting[item]
                    self._block_received(peer, block)
                    moved = item not in self._waiting

    def _refuse_block(self, peer: Peer | None, block: Block, refusal: Invalid) -> None:
        self.misses.refused(block, refusal.code)
        assert peer is not None, f"our own block {block.header.height} was refused: {refusal}"
        text = f"block {block.header.height} of slot {block.header.slot}, {block.id.hex()}: {refusal}"[:200]
        self.core.out(Disconnect(peer, Reason.INVALID_DATA, text, consequence_by_state(refusal)))

    def _certificate_received(self, peer: Peer, certificate: Certificate) -> None:
        if self.consensus.accept_certificate(certificate):
            self.core.broadcast(CertificateMessage(certificate.raw), but=peer)
        elif self._leads_above(certificate) and peer in self.core.peers and not self.sync.is_behind:
            self.sync.ask_branch(peer, certificate.subject.block)

    def _leads_above(self, certificate: Certificate) -> bool:
        """Whether a certificate is for a block above the final one that this node has never seen."""
        height = certificate.subject.height
        is_above = height > self.core.tree.root.height and not self.core.is_beyond(height)
        return is_above and certificate.subject.block not in self.core.tree
