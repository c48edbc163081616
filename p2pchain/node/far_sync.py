"""Catching up from far behind: proofs first, then bodies from several peers at once, executed as they come.

    headers with confirms -> proven ids (`header_chain`) -> bodies, checked against the ids -> the tree, which counts again

Nobody can lie about a body, so whoever gives one is as good as any other.  A peer that is silent, has nothing or gives
something else is doubted: others are asked first from then on.  Near the end `sync` takes over, then the gossip; where
this way leads nowhere (`give_up`) `sync` takes over at once, which needs no more than one honest peer.

A snapshot would come in here: it is a state at a proven header, and the bodies above it follow as they do now.

Bounds: `HELD_BYTES_MAX` of bodies that wait, plus one answer; `header_chain` bounds the proofs.
"""

from __future__ import annotations

from p2pchain.chain.errors import Invalid, NotYet
from p2pchain.chain.types import Height
from p2pchain.node import events
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.node.far_questions import PEER_WINDOW, FarQuestions
from p2pchain.node.header_chain import LINKS_MAX, STEP_BLOCKS
from p2pchain.node.held_bodies import Held, HeldBodies
from p2pchain.node.importer import Importer
from p2pchain.node.pace import BLOCKS_MAX
from p2pchain.node.sync import Sync
from p2pchain.wire.messages import ANSWER_BYTES_MAX, HEADERS_MAX, GetBodies, GetProofs

FAR_BLOCKS = 8
"""Up to so many blocks one answer with everything in it is quicker than proofs first."""
HELD_BYTES_MAX = 16 << 20
"""Sixteen answers: enough for eight peers with two questions each."""
WORK_MAX = 1_500
"""Transactions executed in one event: about 20 ms, then whatever else has come has its turn."""
BLOCK_WORK = 50
"""What an empty block costs, in transactions."""
STALLED_MS = 90_000
"""Without one good answer, although peers claim to have the blocks: more than the longest deadline."""
OFF_MS = 30_000
FIT_AT_FIRST = 8
FIT_BYTES = 384 << 10
"""What a question for bodies aims at: about 2,300 transfers, which take 30 ms to decode, during which nothing else happens."""
LEAST_BYTES = 64 << 10
"""Less than this is not asked for, however slow a peer is: a link that carries any block carries this."""


class FarSync:
    """What is proven, what of it is here, and what is asked for next."""

    def __init__(self, core: Core, sync: Sync, importer: Importer, consensus: Consensus) -> None:
        self._core = core
        self._sync = sync
        self._importer = importer
        self._consensus = consensus
        self._chain = core.proven
        self.questions = FarQuestions(core, sync)
        self.held = HeldBodies()
        self._imported = 0
        self._fit = FIT_AT_FIRST
        """Blocks that fill one answer, by the last one that came."""
        self._least = 1
        """Blocks that the slowest peer is asked for."""
        self._unable: set[Peer] = set()
        """Who gave no proof for what lies above our final block."""
        self._is_blocked = False
        """The known set confirmed nothing above the top: it may have changed there, which executing will show."""
        self._off_until_ms = 0
        self._moved_ms = core.now_ms

    @property
    def reached(self) -> int:
        """Height of the last block executed; it may be above the final one until its proof is there."""
        return max(self._imported, self._core.tree.root.height)

    @property
    def is_active(self) -> bool:
        """Whether this is the way to catch up now."""
        if self._core.now_ms < self._off_until_ms:
            return False
        claimed, height = self._sync.claimed, self._core.tree.root.height
        if len(self._chain) > 0 and claimed > self.reached:
            return True
        if claimed - height <= FAR_BLOCKS:  # after most events: nothing else is looked at
            return False
        target = self._sync.target
        return target == height or target - height > FAR_BLOCKS

    def owns(self, request: int) -> bool:
        return self.questions.owns(request)

    def leave(self, peer: Peer) -> None:
        self.questions.leave(peer)
        self._unable.discard(peer)

    def next_ms(self) -> int | None:
        """At once where there is something to execute."""
        return self._core.now_ms if self._is_ready() else self.questions.next_ms()

    # --- asking

    def plan(self) -> None:
        """Drop what is settled, ask for what is missing."""
        self._drop_settled()
        self.questions.expire()
        if not self.is_active:
            self._moved_ms = self._core.now_ms
            return
        if self._sync.lowest_offer(self.reached, believed=False) is not None:
            self._moved_ms = self._core.now_ms
            return  # proofs of what nobody gives would only fill memory; `lacking` tells of it
        if self._core.now_ms > self._moved_ms + STALLED_MS:
            self.give_up("nobody gives what peers claim to have")
            return
        self._ask_proofs()
        self._ask_bodies()

    def _drop_settled(self) -> None:
        """What has become final, by this way or another."""
        height = self._core.tree.root.height
        self._chain.drop_until(height)
        self.held.drop_until(height)

    def _ask_proofs(self) -> None:
        core, root = self._core, self._core.tree.root
        top = self._chain.top or root.subject
        if self._sync.claimed - top.height <= FAR_BLOCKS or len(self._chain) > LINKS_MAX - HEADERS_MAX:
            return
        if self._is_blocked and root.height < top.height:
            return
        open_ones = self.questions.of_kind(bodies=False)
        if not all(map(self.questions.is_overdue, open_ones)):
            return
        height = Height(top.height + 1)
        peer = self.questions.choose_peer(height, bodies=False, but=[*self._unable, *(question.peer for question in open_ones)])
        if peer is not None:
            core.send(peer, GetProofs(self.questions.ask(peer, height, HEADERS_MAX, bodies=False), height, HEADERS_MAX))

    def _ask_bodies(self) -> None:
        at = self.reached + 1
        while (gap := self._next_gap(at)) is not None:
            start, end = gap
            is_first = start == self.reached + 1
            waiting = self.held.bytes + len(self.questions.of_kind(bodies=True)) * ANSWER_BYTES_MAX
            if waiting >= HELD_BYTES_MAX and not is_first:
                return
            asked = [question.peer for question in self.questions.of_kind(bodies=True) if question.from_height <= start < question.end]
            peer = self.questions.choose_peer(start, bodies=True, but=asked)
            if peer is None:
                return
            limit = min(end - start, max(self.questions.pace(peer).limit, self._least))
            self._core.send(peer, GetBodies(self.questions.ask(peer, start, limit, bodies=True), Height(start), limit))
            at = start + limit

    def _next_gap(self, at: int) -> tuple[int, int] | None:
        """The first heights from `at` on that are proven, not here, and not asked for; what all wait for may be asked for twice."""
        top = self._chain.top.height if self._chain.top is not None else 0
        first = self.reached + 1
        open_ones = [
            question
            for question in self.questions.of_kind(bodies=True)
            if not (question.from_height <= first < question.end and self.questions.is_overdue(question))
        ]
        while at <= top:
            covering = next((question for question in open_ones if question.from_height <= at < question.end), None)
            if covering is not None:
                at = covering.end
            elif at in self.held:
                at += 1
            else:
                ends = [question.from_height for question in open_ones if question.from_height > at]
                return at, min([*ends, self.held.next_above(at) or top + 1, at + self._fit, top + 1])
        return None

    # --- answers

    def receive_proofs(self, event: events.ProofsReceived) -> None:
        question = self.questions.take(event.peer, event.request)
        if question is None:
            return
        top = self._chain.top or self._core.tree.root.subject
        if question.is_for_bodies or not event.headers:
            self.questions.was_bad(question)
        elif question.from_height != top.height + 1:
            self.questions.was_good(question)  # another was quicker
        elif not event.links:
            self._not_proven(question.peer)
        elif event.parent != top.block:
            self.questions.was_bad(question)
        else:
            self.questions.was_good(question)
            self._is_blocked = False
            self._unable.clear()
            self._moved_ms = self._core.now_ms
            self._chain.extend(event.links, [proof.value for proof in event.certificates])

    def _not_proven(self, peer: Peer) -> None:
        """No quorum of the set above the top: it is not known yet, or this peer has no proof."""
        if self._core.tree.root.height < (self._chain.top or self._core.tree.root.subject).height:
            self._is_blocked = True
            return
        self._core.note("info", "sync_not_proven", peer=peer, height=self._core.tree.root.height)
        self._sync.doubt(peer)
        self._unable.add(peer)
        height = self._core.tree.root.height
        if not any(tips.final.height > height for other, tips in self._core.peers.items() if other not in self._unable):
            self.give_up("no peer has a certificate of the known set")

    def receive_bodies(self, event: events.BlocksReceived) -> None:
        """Blocks of an answer, whose ids were compared with the proven ones when it was opened."""
        question = self.questions.take(event.peer, event.request)
        if question is None or question.end <= self.reached + 1:  # another was quicker
            return
        wanted = range(question.from_height, question.end)
        blocks = [block.value for block, _ in event.blocks if block.value.header.height in wanted]
        if not question.is_for_bodies or not blocks:
            self.questions.was_bad(question)
            return
        self.questions.was_good(question)
        self._moved_ms = self._core.now_ms
        size = sum(len(block.raw) for block in blocks)
        self._fit = max(1, min(BLOCKS_MAX, FIT_BYTES * len(blocks) // size))
        self.questions.window = PEER_WINDOW if self._fit > 1 else 1
        self._least = max(1, min(BLOCKS_MAX, LEAST_BYTES * len(blocks) // size))
        for block in blocks:
            height = block.header.height
            if height > self.reached and self._chain.id_at(height) == block.id:
                self.held.put(event.peer, block)

    # --- executing

    def _is_ready(self) -> bool:
        height = self.reached + 1
        proven = self._chain.id_at(height)
        return proven is not None and (height in self.held or proven in self._core.tree)

    def import_ready(self) -> None:
        """Execute bodies whose turn it is, as many as one event may take."""
        work = 0
        while work < WORK_MAX and self._is_ready():
            height = self.reached + 1
            held = self.held.take(height)
            if held is not None:
                work += BLOCK_WORK + len(held.block.transactions)
            if not self._import(height, held):
                return

    def _import(self, height: int, held: Held | None) -> bool:
        """One block, made final with all below it where its certificate is there; false where this way ends."""
        core = self._core
        if held is not None:
            try:
                self._importer.add(held.block, in_sync=True)
            except NotYet as refusal:
                self.give_up(str(refusal))
                return False
            except Invalid as refusal:
                # a quorum says that it is final: the peers are not to blame, this node's rules may be others
                core.refused_final = Height(height)
                core.note("warning", "final_block_refused", peer=held.peer, height=height, reason=str(refusal))
                self.give_up(str(refusal))
                return False
            self._consensus.recover()
            core.head = core.tree.head()
        self._imported = height
        proof = self._chain.proof_at(height)
        if proof is None:
            return True
        self._consensus.accept_certificate(proof)
        if core.tree.root.height < height:
            self._not_sufficient()
            return False
        if self._chain.top is not None and self._chain.top.height == height:
            self._chain.spacing = STEP_BLOCKS
        return True

    def _not_sufficient(self) -> None:
        """A set changed where certificates were left out: begin again above the final block with all of them, but once only."""
        if self._chain.spacing == 1:
            self.give_up("the certificates do not suffice")
            return
        self._forget()
        self._chain.spacing = 1

    def give_up(self, reason: str) -> None:
        """Leave it to `sync` for a while."""
        self._core.note("info", "sync_far_given_up", height=self._core.tree.root.height, reason=reason[:200])
        self._forget()
        self._chain.spacing = STEP_BLOCKS
        self._off_until_ms = self._core.now_ms + OFF_MS

    def _forget(self) -> None:
        self._chain.clear()
        self.held.clear()
        self._imported = 0
        self.questions.forget()
        self._is_blocked = False
        self._unable.clear()
