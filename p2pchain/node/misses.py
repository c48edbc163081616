"""Which slots should have had a block and have none, whose they were, and why, as far as this node can tell.

A block was due in a slot that is a heartbeat, or at whose beginning and end transactions waited or the head was not final
(work at the beginning alone may have been done by a block that was on its way).  What is on the head's branch a few
slots later decides.  Nobody is punished by what stands here: it is for people and metrics.
Bounds: the last `MISSES_MAX` misses and the reports on the last few slots.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from p2pchain.chain.block import Block, Envelope
from p2pchain.chain.tree import Node
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.effects import BlockFinal, MissReason, SlotMissed

MISSES_MAX = 1_000
"""Eight minutes in which every slot of 500 ms is missed; about 200 KB."""
JUDGED_AFTER_SLOTS = 4
"""A block may be voted for until its next slot ends; after two more, whatever is late has come."""
_DUE_MAX = 16
"""Slots between two looks: more than JUDGED_AFTER_SLOTS; a node that slept longer saw nothing of the slots before."""


_IN_STEP = (None, MissReason.PAUSED, MissReason.RECORD_LOST, MissReason.NO_ROOM)
"""A node that is kept from producing by these knows what the others do."""


class _Due(NamedTuple):
    """A slot in which a block is due."""

    slot: int
    delegate: bytes
    key: bytes
    own: MissReason | None
    """Where the slot is ours: what keeps us from filling it."""


class Misses:
    """Looks once a slot."""

    def __init__(self, core: Core, consensus: Consensus) -> None:
        self._core = core
        self._consensus = consensus
        self._due: deque[_Due] = deque(maxlen=_DUE_MAX)
        self._maybe: _Due | None = None
        """The slot that runs, where there is work to do in it, no heartbeat: it is due if that is still so at its end."""
        self._arrived: dict[tuple[int, bytes], int] = {}
        """Slot and producer of a block: when it first came, in milliseconds."""
        self._refused: dict[tuple[int, bytes], str] = {}
        """Slot and producer of a block that was refused: the code."""
        self._final: set[int] = set()
        self.latest: deque[SlotMissed] = deque(maxlen=MISSES_MAX)

    def came(self, block: Block | Envelope) -> None:
        """A block with a good signature, whatever becomes of it."""
        if self._is_recent(block):
            self._arrived.setdefault((block.header.slot, block.header.producer), self._core.now_ms)

    def refused(self, block: Block, code: str) -> None:
        if self._is_recent(block):
            self._refused.setdefault((block.header.slot, block.header.producer), code)

    def _is_recent(self, block: Block | Envelope) -> bool:
        """Bounds what is kept to a few slots of those who may sign at all; whether the slot was their own is seen at the end."""
        now, header = self._core.slot, block.header
        return now - _DUE_MAX <= header.slot <= now + 1 and header.producer in self._consensus.known_voters()

    def look(self, slot: int, *, seen: int, own: MissReason | None) -> None:
        """A slot begins, the last one that this node saw beginning being `seen`; `own` says why it would not fill it itself."""
        if seen and slot > seen + 1:
            self._overslept(seen, slot)
        if self._maybe is not None and self._core.head.slot < self._maybe.slot and self._has_work(self._maybe.slot):
            self._due.append(self._maybe)
        self._expect(slot, own)
        while self._due and self._due[0].slot + JUDGED_AFTER_SLOTS <= slot:
            self._judge(self._due.popleft())
        self._forget(slot)

    def heard_final(self) -> None:
        """Blocks became final with this event: their slots are filled, whatever the tree still holds."""
        self._final.update(item.block.header.slot for item in self._core.effects.publish if isinstance(item, BlockFinal))

    def _has_work(self, slot: int) -> bool:
        core = self._core
        is_unfinal = core.head is not core.tree.root and slot > core.head.slot + 1
        return is_unfinal or core.pool.has_ready(core.head_view())

    def _expect(self, slot: int, own: MissReason | None) -> None:
        self._maybe = None
        schedule = self._core.head.schedule
        is_heartbeat = slot % schedule.terms.params.heartbeat_slots == 0
        if slot < schedule.start_slot or slot <= self._core.head.slot or not (is_heartbeat or self._has_work(slot)):
            return
        member = schedule.turn(slot).delegate
        is_ours = member.consensus_key == self._core.key
        if is_ours or own in _IN_STEP:  # a node that is not in step knows nothing of the others
            due = _Due(slot, member.account, member.consensus_key, own if is_ours else None)
            if is_heartbeat:
                self._due.append(due)
            else:
                self._maybe = due

    def _overslept(self, seen: int, slot: int) -> None:
        """Slots that this node was not called in: it can only blame itself, for its own."""
        every = self._core.head.schedule.terms.params.heartbeat_slots
        schedule = self._core.head.schedule
        first = max(seen + 1, schedule.start_slot, self._core.head.slot + 1, slot - _DUE_MAX)
        for passed in range(first, slot):
            member = schedule.turn(passed).delegate
            if member.consensus_key == self._core.key and passed % every == 0:
                self._due.append(_Due(passed, member.account, member.consensus_key, MissReason.CLOCK))

    def _judge(self, due: _Due) -> None:
        if due.slot in self._final or self._is_on_branch(due.slot):
            return
        code = self._refused.get((due.slot, due.key))
        missed = SlotMissed(due.slot, due.delegate, self._reason(due, code), code or "")
        self.latest.append(missed)
        self._core.effects.publish.append(missed)

    def _reason(self, due: _Due, code: str | None) -> MissReason:
        arrived = self._arrived.get((due.slot, due.key))
        if code is not None:
            return MissReason.REFUSED
        if arrived is not None:
            is_late = arrived >= self._core.spec.slot_start_ms(due.slot + 2)
            return MissReason.LATE if is_late else MissReason.NOT_BUILT_UPON
        return due.own or self._silence(due)

    def _silence(self, due: _Due) -> MissReason:
        """Without a block of its own only its ballots say whether it is there, and only where others voted too."""
        heard = self._consensus.last_seen
        own = heard.get(due.key, 0)  # type: ignore[call-overload]
        newest = max(heard.values(), default=0)
        if own >= due.slot:
            return MissReason.EMPTY
        is_silent = newest >= due.slot or newest > own + len(self._core.head.schedule.active)
        return MissReason.SILENT if is_silent else MissReason.UNKNOWN

    def _is_on_branch(self, slot: int) -> bool:
        at: Node | None = self._core.head
        while at is not None and at.slot > slot:
            at = at.parent
        return at is not None and at.slot == slot

    def _forget(self, slot: int) -> None:
        oldest = slot - _DUE_MAX
        self._arrived = {item: ms for item, ms in self._arrived.items() if item[0] >= oldest}
        self._refused = {item: code for item, code in self._refused.items() if item[0] >= oldest}
        self._final = {item for item in self._final if item >= oldest}
