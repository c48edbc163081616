"""Catching up: which blocks to ask of whom, and in which order to import what comes.

Two questions are asked.  `GetBlocks` fetches final blocks by height, from several peers at once, each answer with the
confirms that prove it; `GetBranch` fetches the few blocks between the final one and a head.  A question has a
deadline; a peer that does not answer is not asked again for a while, and is not punished.

Bounds: `WINDOWS` questions for ranges, but where they are overdue one per peer; of questions for a branch one per peer that is
not overdue and at most `BRANCHES_MAX` that are; as many answers in the buffer as windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from p2pchain.chain.block import Block
from p2pchain.chain.types import ZERO_HASH, BlockId, Height
from p2pchain.chain.votes import Certificate, Subject
from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.wire.messages import GetBlocks, GetBranch, Tips

NO_BLOCK = BlockId(ZERO_HASH)
WINDOW_BLOCKS = 64
WINDOWS = 8
"""Ranges asked for or waiting at once."""
DEADLINE_MS = 5_000
PATIENCE_SLOTS = 2
"""How long a peer's claim keeps this node from producing while its blocks do not come: one that claims and is silent must not stop
the others for longer.  A question stays open beyond that; its answer restores the belief."""
RESTING_MS = 1_000
"""How long a peer that let a deadline pass, or had nothing, is not asked the same again: it may be the only one."""


DOUBT_MS = 30_000
"""How long the claim of a peer that did not give what it claimed keeps this node from nothing.
It is asked all the same, once it has rested: it may only have been cut off."""
BRANCHES_MAX = 5
"""Questions for a branch that one peer may have open: at 500 ms a slot as many as fit into the deadline."""
UNPROVEN_MAX = 512
"""Blocks of a range without a proof among them: as long as a branch grows without a pause (4 times 128).  Beyond it each must
carry the certificate of its parent, which takes a quorum."""


class Asked(NamedTuple):
    peer: Peer
    due_ms: int
    from_height: int
    """0 where the question is for a branch."""
    limit: int
    tip: BlockId
    """Zero where the question is for a range."""


Proven: TypeAlias = tuple[tuple[Block, Certificate | None], ...]


class Answered(NamedTuple):
    """A range that arrived and waits for its turn."""

    peer: Peer
    blocks: Proven


class Sync:
    """Questions and answers under way."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asked: dict[int, Asked] = {}
        self._answers: dict[int, Answered] = {}
        self._resting: dict[tuple[Peer, bool], int] = {}
        """Until when a peer is not asked for ranges (true) or branches (false)."""
        self._doubted: dict[Peer, int] = {}
        self._only: tuple[Peer, int] | None = None
        self._range_end = 0
        self._givers: dict[Peer, int] = {}
        """Whose ranges were imported last, and where our final block was then."""
        self._lagging_since_ms: int | None = None

    @property
    def target(self) -> int:
        """The greatest final height that a peer claims and can be believed in for now; our own where nobody claims more."""
        return self._greatest_claim(believed=True)

    @property
    def claimed(self) -> int:
        """The greatest final height that a peer claims, whether it proved to give what it claims or not."""
        return self._greatest_claim(believed=False)

    def _greatest_claim(self, *, believed: bool) -> int:
        best: int = self._core.tree.root.height
        for peer, tips in self._core.peers.items():  # after every event, so what claims no more than that costs nothing
            claim = tips.final
            if claim.height > best and not (believed and self._is_open_to_doubt(peer, tips)) and self.is_possible(claim):
                best = claim.height
        return best

    def _is_open_to_doubt(self, peer: Peer, tips: Tips) -> bool:
        """It did not give what it claimed, or cannot be asked for it: who has pruned what is needed here could claim anything."""
        return tips.blocks_from > self._reached + 1 or self.is_doubted(peer)

    def lowest_offer(self, reached: int, *, believed: bool) -> int | None:
        """The lowest height that a peer has a block of, where this node needs lower ones and nobody gives them; else None.

        `reached` is what another way has come to; `believed` leaves out who says that it has them and did not give them.
        Half of the peers at least say that they are ahead: one that lies is nothing.
        """
        wanted = max(reached, self._reached) + 1
        ahead = [(peer, tips) for peer, tips in self._core.peers.items() if tips.final.height > wanted and self.is_possible(tips.final)]
        if not ahead or 2 * len(ahead) < len(self._core.peers):
            return None
        if any(tips.blocks_from <= wanted and not (believed and self.is_doubted(peer)) for peer, tips in ahead):
            return None
        return min((tips.blocks_from for _, tips in ahead if tips.blocks_from > wanted), default=None)

    def is_possible(self, claim: Subject) -> bool:
        """Blocks take slots: nobody is further ahead in blocks than in slots, and nobody is ahead of the clock."""
        root = self._core.tree.root
        return claim.slot <= self._core.slot + 1 and claim.height - root.height <= claim.slot - root.slot

    @property
    def is_behind(self) -> bool:
        """Whether some peer has final blocks that this node lacks, beyond what votes will settle in a moment."""
        return self.target > self._core.tree.root.height + 1

    @property
    def under_way(self) -> int:
        """Questions without an answer and answers that wait for their turn."""
        return len(self._asked) + len(self._answers)

    def plan(self) -> None:
        """Ask for every range that is missing and that a peer can be asked for."""
        self._expire()
        if not self._must_ask():
            self._answers.clear()
            return
        if self._reached >= self.claimed and not any(asked.from_height for asked in self._asked.values()):
            self._begin_again()
        at = self._reached + 1
        self._answers = {height: answer for height, answer in self._answers.items() if height >= at}
        asked = {
            question.from_height: question
            for question in self._asked.values()
            if question.from_height and not (question.from_height == at and self._is_overdue(question))
        }  # what everything else waits for is asked of the next peer too
        goal = self.claimed
        for _ in range(WINDOWS):
            if at > goal:
                return
            if at in self._answers:
                at += len(self._answers[at].blocks)
            elif at in asked:
                at += asked[at].limit
            else:
                end = min([start for start in (*self._answers, *asked) if start > at] + [at + WINDOW_BLOCKS])
                if not self._ask_range(Height(at), end - at):
                    return
                at = end

    def _must_ask(self) -> bool:
        """Whether final blocks are missing that votes under way will not settle in a moment."""
        if self.claimed <= self._core.tree.root.height:
            self._lagging_since_ms = None
            return False
        if self._lagging_since_ms is None:
            self._lagging_since_ms = self._core.now_ms
        return self.is_behind or self._core.now_ms >= self._lagging_since_ms + self._core.spec.slot_ms

    @property
    def _reached(self) -> int:
        """Height of the last block imported from a range; it may be above the final one until its proof is there."""
        return max(self._range_end, self._core.tree.root.height)

    def imported(self, height: int, *, on_certified: bool = False) -> bool:
        """A block of a range is in the tree; false where no proof came for more blocks than may ever be unfinal."""
        self._range_end = height
        return on_certified or height - self._core.tree.root.height <= UNPROVEN_MAX

    def expects(self, peer: Peer, request: int) -> bool:
        asked = self._asked.get(request)
        return asked is not None and asked.peer == peer

    def prefer(self, peer: Peer) -> bool:
        """A certificate did not suffice here: begin again above the final block, with this peer alone; false where that was tried.

        A node keeps the confirms that it counted itself.  Where the active set changed, the confirms that one node
        has for a block and another for the next may leave a gap that neither has alone.  What an honest peer has
        suffices by itself, so whoever fails twice above one final block claimed what it cannot prove.  Answers of others
        that are still under way are let go: without a proof in them they would hide the proofs of this peer.
        """
        attempt = (peer, self._core.tree.root.height)
        if self._only == attempt:
            return False
        self._range_end = 0
        self._answers.clear()
        self._asked = {request: asked for request, asked in self._asked.items() if asked.peer == peer or not asked.from_height}
        self._only = attempt
        return True

    def fail(self, peer: Peer) -> None:
        """A range could not be imported: begin again above the final block, with others first."""
        self._range_end = 0
        self._rest(peer, ranges=True)

    def _begin_again(self) -> None:
        """All blocks that are claimed to be final came, and nothing that proves them: whoever gave them has no proof."""
        self._range_end = 0
        for peer, height in sorted(self._givers.items()):
            if height == self._core.tree.root.height:
                self._rest(peer, ranges=True)
                self.doubt(peer)
        self._givers.clear()

    def ask_branch(self, peer: Peer, tip: BlockId, after: BlockId = NO_BLOCK) -> None:
        """Ask a peer for the blocks that lead to `tip`, unless it is being asked already.

        A question that is overdue stays open, and does not stand in the way of the next: it may have been lost.
        """
        open_ones = [question for question in self._asked.values() if question.peer == peer and not question.from_height]
        if len(open_ones) >= BRANCHES_MAX or not all(map(self._is_overdue, open_ones)) or self._is_resting(peer, ranges=False):
            return
        request = self._remember(peer, 0, 0, tip)
        self._core.send(peer, GetBranch(request, tip, after))

    def answered(self, peer: Peer, request: int, blocks: Proven) -> Asked | None:
        """Match an answer with its question; None where it was not asked, came too late or starts elsewhere."""
        asked = self._asked.get(request)
        if asked is None or asked.peer != peer:
            return None
        del self._asked[request]
        if not blocks:
            self._rest(peer, ranges=asked.from_height > 0)
            self._doubt(peer, asked)
            return None
        if asked.from_height:
            if asked.from_height <= self._reached:
                return None
            if blocks[0][0].header.height != asked.from_height or len(blocks) > asked.limit:
                self._rest(peer, ranges=True)
                self._doubt(peer, asked)
                return None
            self.trust(peer)
            self._answers[asked.from_height] = Answered(peer, blocks)
        return asked

    def ready(self) -> Iterator[Answered]:
        """Ranges whose turn it is, in order of height."""
        while True:
            answer = self._answers.pop(self._reached + 1, None)
            if answer is None:
                return
            self._givers[answer.peer] = self._core.tree.root.height
            yield answer

    def leave(self, peer: Peer) -> None:
        """Forget what a peer was asked and what it answered."""
        self._asked = {request: asked for request, asked in self._asked.items() if asked.peer != peer}
        self._answers = {height: answer for height, answer in self._answers.items() if answer.peer != peer}
        self._doubted.pop(peer, None)
        self._givers.pop(peer, None)
        self._resting = {key: until for key, until in self._resting.items() if key[0] != peer}

    def next_ms(self) -> int | None:
        """When a question becomes overdue, or its deadline passes."""
        if not self._asked:
            return None
        moments = (moment for asked in self._asked.values() for moment in (self._overdue_ms(asked), asked.due_ms))
        return min((moment for moment in moments if moment > self._core.now_ms), default=None)

    def _ask_range(self, from_height: Height, limit: int) -> bool:
        busy = {question.peer for question in self._asked.values() if question.from_height}
        able = [
            peer
            for peer, tips in sorted(self._core.peers.items())
            if tips.blocks_from <= from_height <= tips.final.height and peer not in busy and not self._is_resting(peer, ranges=True)
        ]
        if self._only is not None and self._only[1] == self._core.tree.root.height and self._only[0] in self._core.peers:
            able = [peer for peer in able if peer == self._only[0]]
        if not able:
            return False
        # Spread over the peers by position, so that no single one serves a whole catch-up.
        peer = able[from_height // WINDOW_BLOCKS % len(able)]
        request = self._remember(peer, from_height, limit)
        self._core.send(peer, GetBlocks(request, from_height, limit))
        return True

    def _remember(self, peer: Peer, from_height: int, limit: int, tip: BlockId = NO_BLOCK) -> int:
        request = self._core.new_request()
        self._asked[request] = Asked(peer, self._core.now_ms + DEADLINE_MS, from_height, limit, tip)
        return request

    def _rest(self, peer: Peer, *, ranges: bool) -> None:
        if self._only is not None and self._only[0] == peer:
            self._only = None
        self._resting[peer, ranges] = self._core.now_ms + RESTING_MS

    def _doubt(self, peer: Peer, asked: Asked) -> None:
        if asked.from_height:
            self.doubt(peer)

    def doubt(self, peer: Peer) -> None:
        """It claimed final blocks and did not give them: its claim alone no longer makes this node think itself behind."""
        self._doubted[peer] = self._core.now_ms + DOUBT_MS

    def trust(self, peer: Peer) -> None:
        """It gave what it claimed."""
        self._doubted.pop(peer, None)

    def is_doubted(self, peer: Peer) -> bool:
        return self._doubted.get(peer, 0) > self._core.now_ms

    def _overdue_ms(self, asked: Asked) -> int:
        return asked.due_ms - DEADLINE_MS + PATIENCE_SLOTS * self._core.spec.slot_ms

    def _is_overdue(self, asked: Asked) -> bool:
        return self._core.now_ms >= self._overdue_ms(asked)

    def _is_resting(self, peer: Peer, *, ranges: bool) -> bool:
        return self._resting.get((peer, ranges), 0) > self._core.now_ms

    def _expire(self) -> None:
        now = self._core.now_ms
        for request, asked in list(self._asked.items()):
            if self._is_overdue(asked):
                self._doubt(asked.peer, asked)
            if asked.due_ms <= now:
                del self._asked[request]
                self._rest(asked.peer, ranges=asked.from_height > 0)
                self._core.note("info", "peer_slow_to_answer", peer=asked.peer, height=asked.from_height)
