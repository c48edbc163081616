"""A network of delegates on `chain.voting` alone, some of them twice: two copies with one key, each with its own memory.

Every copy runs honest code and does what a node does (`node.consensus`, `chain.tree`, `node.producer`): it builds on the
newest certified block, votes in the clock window, counts the first ballot of each key, slot and kind, confirms what it
holds certified, and at the beginning of each slot tells those whom it reaches its head, its newest certificate, its final
block and its last ballots.  Blocks are abstract and signatures left out.  A step of time is a slot; within it every
message that is not lost arrives.  Sets of copies, keys and blocks are bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import IntEnum, unique
from typing import NamedTuple

from p2pchain.chain.forensics import Seen
from p2pchain.chain.types import BlockId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject
from p2pchain.chain.voting import NOTHING, Hold, Proposal, SignState
from tests.chain.adversary import Rules


@unique
class Sort(IntEnum):
    """What travels."""

    BLOCK = 0
    VOTE = 1
    CERTIFICATE = 2
    CONFIRM = 3


class Plan(NamedTuple):
    """One slot of a scenario."""

    leader: int
    """A key: where it has two copies, both lead."""
    groups: Sequence[int]
    """For each copy those whom it reaches, as bits."""
    lost: int = 0
    """Sorts of messages that get lost, as bits ..."""
    deaf: int = 0
    """... on their way to these copies."""
    swapped: int = 0
    """Copies that hear of the second of two leaders first."""
    forgetful: int = 0
    """Copies that have lost all but the slots of their ballots when the slot begins: amnesia."""
    is_hasty: bool = False
    """Whether what was sent last arrives first."""


class Message(NamedTuple):
    sort: Sort
    sender: int
    block: int
    key: int = 0
    receivers: int = -1
    """Bits of copies; all of them, unless said."""


class Copy:
    """One running node."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.sign = SignState()
        self.root = 0
        self.received: dict[int, None] = {0: None}
        """Blocks, in the order in which they came."""
        self.certified = 0
        self.votes: dict[int, int] = {}
        self.confirms: dict[int, int] = {}
        self.heard: dict[tuple[Sort, int], int] = {}
        """For each kind and slot whose ballot was counted."""


class Network:
    """All copies, and everything that they said."""

    def __init__(self, keys: Sequence[int], rules: Rules) -> None:
        members = len(set(keys))
        self.rules = rules
        self.copies = [Copy(key) for key in keys]
        self.needed = rules.quorum(members)
        self.subjects = [NOTHING]
        self.parents = [0]
        self.branches = [1]
        self.carried: list[int | None] = [None]
        self.producers = [0]
        self.signers: list[int] = [0]
        """For each block whose votes its certificate holds, as far as any copy saw."""
        self.said: list[tuple[Sort, int, int]] = []
        """Every ballot of every copy: sort, key, block."""
        self.final = 1
        """Every block that any copy took for the last final one."""
        self.contradicting = 0
        """Keys of which some copy heard two ballots of one kind in one slot."""
        self.held_by_lock = 0
        self._queue: deque[Message] = deque()
        self._slot = 0

    # --- a slot

    def play(self, slot: int, plan: Plan) -> None:
        self._slot = slot
        reaches = plan.groups
        self._forget(plan.forgetful)
        for place, copy in enumerate(self.copies):
            self._greet(place, copy, reaches[place])
        self._pass_on(reaches, Plan(plan.leader, reaches))
        leaders = [place for place, copy in enumerate(self.copies) if copy.key == plan.leader]
        blocks = [Message(Sort.BLOCK, place, self._produce(self.copies[place])) for place in leaders]
        self._queue += [block._replace(receivers=~plan.swapped) for block in blocks]
        self._queue += [block._replace(receivers=plan.swapped) for block in reversed(blocks)]
        self._pass_on(reaches, plan)

    def _forget(self, forgetful: int) -> None:
        for place, copy in enumerate(self.copies):
            if forgetful >> place & 1:
                self.copies[place] = Copy(copy.key)
                self.copies[place].sign = copy.sign._replace(lock=NOTHING)

    def _greet(self, place: int, copy: Copy, reached: int) -> None:
        """Statuses and what a peer that joins is told: the others fetch what is new to them."""
        tips = [self._head(copy), self._newest_certified(copy)]
        last = ((Sort.VOTE, copy.sign.voted), (Sort.CONFIRM, copy.sign.confirmed))
        for peer, other in enumerate(self.copies):
            if other is copy or not reached >> peer & 1:
                continue
            if self.branches[copy.root] >> other.root & 1 and copy.root != other.root:
                self._fetch(peer, copy, copy.root)
                self._finalise(other, copy.root)
            for tip in tips:
                self._fetch(peer, copy, tip)
            if tips[1]:
                self._certify(peer, tips[1])
            for sort, subject in last:
                if subject.slot:
                    self._hear_ballot(peer, sort, copy.key, number(subject))

    def _pass_on(self, reaches: Sequence[int], plan: Plan) -> None:
        queue, count = self._queue, len(self.copies)
        take = queue.pop if plan.is_hasty else queue.popleft
        while queue:
            message = take()
            deaf = plan.deaf if plan.lost >> message.sort & 1 else 0
            reached = (reaches[message.sender] & ~deaf | 1 << message.sender) & message.receivers
            for place in range(count):
                if reached >> place & 1:
                    self._hear(place, message)

    def _hear(self, place: int, message: Message) -> None:
        sender = self.copies[message.sender]
        if message.sort is Sort.BLOCK:
            self._fetch(place, sender, message.block)
        elif message.sort is Sort.CERTIFICATE:
            self._fetch(place, sender, message.block)
            self._certify(place, message.block)
        else:
            self._hear_ballot(place, message.sort, message.key, message.block)

    # --- blocks

    def _produce(self, copy: Copy) -> int:
        base = self._head(copy)
        below = copy.certified & self.branches[base] & -1 << copy.root
        carried = below.bit_length() - 1 if below else None  # in block numbers as in slots, what is later is greater
        block = len(self.subjects)
        height = self.subjects[base].height + 1
        self.subjects.append(Subject(Slot(self._slot), Height(height), BlockId(block.to_bytes(32, "big"))))
        self.parents.append(base)
        self.branches.append(self.branches[base] | 1 << block)
        self.carried.append(carried)
        self.producers.append(copy.key)
        self.signers.append(0)
        return block

    def _fetch(self, place: int, sender: Copy, tip: int) -> None:
        """A block with whatever leads to it from what is known; a fork below the final block is not looked at."""
        copy = self.copies[place]
        if not self.branches[tip] >> copy.root & 1:
            return
        missing = []
        at = tip
        while at not in copy.received:
            assert at == tip or at in sender.received, "whoever has a block has its ancestors"
            missing.append(at)
            at = self.parents[at]
        for block in reversed(missing):
            copy.received[block] = None
            carried = self.carried[block]
            if carried is not None:
                self._certify(place, carried)
            self._count_votes(place, block)
            self._vote(place, block)
            self._count_confirms(place, block)

    def _vote(self, place: int, block: int) -> None:
        copy = self.copies[place]
        sign, branch = copy.sign, self.branches[block]
        if not branch >> copy.root & 1:
            return
        carried = self.carried[block]
        extends_lock = sign.lock.slot <= self.subjects[copy.root].slot or bool(branch >> number(sign.lock) & 1)
        proposal = Proposal(self.subjects[block], extends_lock, None if carried is None else self.subjects[carried])
        hold = self.rules.hold_vote(sign, proposal, in_window=self.subjects[block].slot >= self._slot - 1)
        if hold is None:
            copy.sign = self.rules.after_vote(sign, proposal)
            self._say(place, Sort.VOTE, block)
        elif hold is Hold.AGAINST_LOCK:
            self.held_by_lock += 1
            newest = self._newest_certified(copy)
            if newest:
                self._queue.append(Message(Sort.CERTIFICATE, place, newest))

    def _newest_certified(self, copy: Copy) -> int:
        """Zero where there is none above the root."""
        above = copy.certified >> (copy.root + 1)
        while above:
            block = copy.root + above.bit_length()
            if self.branches[block] >> copy.root & 1:
                return block
            above &= ~(1 << block - copy.root - 1)
        return 0

    def _head(self, copy: Copy) -> int:
        base = best = self._newest_certified(copy) or copy.root
        slot = self.subjects[base].slot
        for block in copy.received:
            if self.branches[block] >> base & 1 and self.subjects[block].slot > slot:
                best, slot = block, self.subjects[block].slot
        return best

    # --- ballots

    def _say(self, place: int, sort: Sort, block: int) -> None:
        self.said.append((sort, self.copies[place].key, block))
        self._queue.append(Message(sort, place, block, self.copies[place].key))

    def _hear_ballot(self, place: int, sort: Sort, key: int, block: int) -> None:
        copy = self.copies[place]
        slot = self.subjects[block].slot
        if slot <= self.subjects[copy.root].slot:
            return
        counts = copy.votes if sort is Sort.VOTE else copy.confirms
        heard = copy.heard.get((sort, slot), 0)
        if heard >> key & 1:
            if not counts.get(block, 0) >> key & 1:
                self.contradicting |= 1 << key
            return
        copy.heard[sort, slot] = heard | 1 << key
        counts[block] = counts.get(block, 0) | 1 << key
        if block in copy.received:
            if sort is Sort.VOTE:
                self._count_votes(place, block)
            else:
                self._count_confirms(place, block)

    def _count_votes(self, place: int, block: int) -> None:
        voters = self.copies[place].votes.get(block, 0)
        if voters.bit_count() >= self.needed:
            self.signers[block] |= voters
            self._certify(place, block)

    def _certify(self, place: int, block: int) -> None:
        copy = self.copies[place]
        if copy.certified >> block & 1 or block not in copy.received or not self.branches[block] >> copy.root & 1 or block == copy.root:
            return
        copy.certified |= 1 << block
        subject = self.subjects[block]
        if self.rules.may_confirm(copy.sign, subject):
            copy.sign = self.rules.after_confirm(copy.sign, subject)
            self._say(place, Sort.CONFIRM, block)
            self._queue.append(Message(Sort.CERTIFICATE, place, block))

    def _count_confirms(self, place: int, block: int) -> None:
        copy = self.copies[place]
        if copy.confirms.get(block, 0).bit_count() >= self.needed and self.branches[block] >> copy.root & 1:
            self._finalise(copy, block)

    def _finalise(self, copy: Copy, block: int) -> None:
        copy.root = block
        self.final |= 1 << block
        subject = self.subjects[block]
        if subject.slot > copy.sign.lock.slot:
            copy.sign = copy.sign._replace(lock=subject)

    # --- afterwards

    def conflict(self) -> tuple[int, int] | None:
        """Two final blocks of which neither extends the other."""
        final = [block for block in range(len(self.subjects)) if self.final >> block & 1]
        for place, block in enumerate(final):
            for other in final[:place]:
                if not (self.branches[block] >> other & 1 or self.branches[other] >> block & 1):
                    return other, block
        return None

    def ballots(self) -> list[Ballot]:
        kinds = {Sort.VOTE: Kind.VOTE, Sort.CONFIRM: Kind.CONFIRM}
        return [Ballot(kinds[sort], self.subjects[block], key_of(key), NO_SIGNATURE) for sort, key, block in self.said]

    def blocks(self) -> list[Seen]:
        found = []
        for block in range(1, len(self.subjects)):
            carried = self.carried[block]
            base = Seen(self.subjects[block], self.subjects[self.parents[block]].block, key_of(self.producers[block]))
            if carried is not None:
                by = frozenset(key_of(key) for key in range(len(self.copies)) if self.signers[carried] >> key & 1)
                base = base._replace(certifies=self.subjects[carried], certified_by=by)
            found.append(base)
        return found


NO_SIGNATURE = Signature(bytes(64))


def number(subject: Subject) -> int:
    return int.from_bytes(subject.block, "big")


def key_of(key: int) -> PublicKey:
    return PublicKey(bytes([key + 1]) * 32)
