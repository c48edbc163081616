"""Producing: whether this delegate should fill the slot now, with what, on top of which block.

A leader with nothing to include leaves its slot empty, except for heartbeats, for the first block of a chain, and
while the head is not final: then an empty block gives the delegates something to vote on.  At the bound of unfinal
blocks it replaces the tip by a sibling, without transactions, so that the chain can go on when the quorum is back
and costs next to nothing until then.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.block import Block, Header, block_id, encode_block, encode_header, transactions_bytes_max
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.reveal import Draw
from p2pchain.chain.state import COMMITMENTS
from p2pchain.chain.transition import Draft, Executed, Parent, execute
from p2pchain.chain.tree import Node
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Certificate, Subject, certificate_hash
from p2pchain.node.core import Core
from p2pchain.node.effects import SignBlock
from p2pchain.node.room import Room, is_short


class Built(NamedTuple):
    """A block of ours on its way through the signer, with what executing it gave: it need not run twice."""

    id: BlockId
    executed: Executed


class Producer:
    """Fills this delegate's slots."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.paused = False
        self.room: Room | None = None
        self.is_short_of_room = False
        self.built: Built | None = None
        self._given_up = 0
        """Slot for which there is no reveal: said once, not after every event in it."""

    @property
    def is_kept_back(self) -> bool:
        """Whether this node leaves its slots to others, whatever waits."""
        return self.paused or self.is_short_of_room

    def measured(self, room: Room) -> None:
        """Stop before the disk is full; go on when there is room again."""
        was_short, was_filling = self.is_short_of_room, self.room is not None and self.room.is_filling
        self.room, self.is_short_of_room = room, is_short(self.is_short_of_room, room)
        if self.is_short_of_room and not was_short:
            self._tell("warning", "room_low_production_stops", room)
        elif was_short and not self.is_short_of_room:
            self._tell("info", "room_back_production_goes_on", room)
        elif room.is_filling and not was_filling:
            self._tell("warning", "room_running_out", room)

    def _tell(self, level: str, event: str, room: Room) -> None:
        note = self._core.note
        note(level, event, place=room.place, free_bytes=room.free_bytes, low_bytes=room.low_bytes, end_bytes=room.end_bytes)

    def is_turn(self, slot: int) -> bool:
        """Whether `slot` is ours, above the current head, and not filled by us yet."""
        core = self._core
        if core.key is None or core.sign is None or core.awaits_base or slot <= core.sign.produced.slot or slot <= core.head.slot:
            return False
        schedule = self._base(slot).schedule
        if schedule.terms.version > core.supported:
            return False
        return slot >= schedule.start_slot and schedule.turn(slot).delegate.consensus_key == core.key

    def is_time(self) -> bool:
        """Whether the slot that runs is ours to fill, now."""
        core, slot = self._core, self._core.slot
        if self.is_kept_back or slot == self._given_up:
            return False
        return self._earliest_ms() <= core.now_ms < self._latest_ms() and self.is_turn(slot)

    def produce(self) -> None:
        """Build and hand to the signer, if there is reason to; `is_time` holds."""
        core, slot = self._core, self._core.slot
        base = self._base(slot)
        is_full = base is not core.head
        if is_full or self._is_due(slot) or core.pool.has_ready(core.head_view()):
            self._build(base, slot, empty=is_full or core.tree.depth(base) >= core.tree.certified_bound)

    def next_ms(self) -> int | None:
        """When to look again within this slot: at the end of the wait for a certificate, if it is ours."""
        core = self._core
        if core.key is None or core.sign is None:
            return None
        earliest = self._earliest_ms()
        return earliest if core.now_ms < earliest and self.is_turn(core.slot) else None

    def _earliest_ms(self) -> int:
        """The slot's beginning; a fifth of a slot later where the newest block has no certificate yet (section 6)."""
        core = self._core
        waits = core.head.certificate is None and core.head is not core.tree.root
        return core.slot_start_ms + core.spec.slot_ms // 5 if waits else core.slot_start_ms

    def _latest_ms(self) -> int:
        """After half of the slot a block could hardly become final in it: the next leader takes over."""
        return self._core.slot_start_ms + self._core.spec.slot_ms // 2

    def _is_due(self, slot: int) -> bool:
        core = self._core
        is_first = core.head.height == 0
        is_heartbeat = slot % self._base(slot).schedule.terms.params.heartbeat_slots == 0
        is_unfinal = core.head is not core.tree.root and slot > core.head.slot + 1
        return is_first or is_heartbeat or is_unfinal

    def _base(self, slot: int) -> Node:
        """What a block of this slot stands on: the head, or its ancestor with room where the bound of unfinal blocks is reached."""
        tree = self._core.tree
        base = self._core.head
        while not tree.has_room(base, slot):
            assert base.parent is not None, "the root has room: the bound is at least two blocks"
            base = base.parent
        return base

    def _build(self, base: Node, slot: int, *, empty: bool) -> None:
        core = self._core
        assert core.key is not None
        assert core.sign is not None
        parent = core.tree.execution_parent(base)
        draw = self._draw(parent, slot)
        if draw is None:
            self._given_up = slot
            return
        params = base.schedule.terms.params
        chosen = (
            []
            if empty
            else core.pool.select(parent.view, bytes_max=transactions_bytes_max(params), count_max=params.block_transactions_max)
        )
        carried = self._newest_certificate(base)
        certificate = carried.raw if carried is not None else b""
        voters = carried.signatures.keys() if carried is not None and carried.subject.block == base.id else ()
        executed = execute(parent, Draft(slot, draw, voters), chosen, core.spec, building=True)
        for transaction, refusal in executed.refused:
            core.pool.reject(transaction, refusal.code, refusal.message)
        header = Header(
            height=Height(base.height + 1),
            slot=Slot(slot),
            parent=base.id,
            producer=core.key,
            state_root=executed.changes.state_root,
            transactions_root=merkle_root([transaction.id for transaction in executed.included]),
            certificate_hash=certificate_hash(certificate),
            reveal=draw.reveal,
            commitment=draw.commitment,
            set_id=executed.schedule.set_id,
        )
        raw = encode_header(header)
        self.built = Built(block_id(raw), executed)
        core.sign = core.sign._replace(produced=Subject(header.slot, header.height, self.built.id))
        core.effects.sign.append(SignBlock(raw, certificate, tuple(executed.included), core.sign))

    def _draw(self, parent: Parent, slot: int) -> Draw | None:
        """None where this key is bound to a value that it cannot know: somebody else has produced with it."""
        core = self._core
        assert core.key is not None
        due = COMMITMENTS.load(parent.view, core.key)
        draw = core.reveals.draw(due, slot) if core.reveals is not None else None
        if draw is None:
            core.note("warning", "reveal_unknown", slot=slot, committed_slot=due.slot if due is not None else None)
        return draw

    def _newest_certificate(self, base: Node) -> Certificate | None:
        """The newest certificate of the base or below, down to the final block."""
        at: Node | None = base
        while at is not None:
            if at.certificate is not None:
                return at.certificate
            at = at.parent
        return None


def sealed(request: SignBlock, signature: bytes) -> bytes:
    """The block's bytes, once its header is signed."""
    return encode_block(request.header, signature, request.certificate, [transaction.raw for transaction in request.transactions])


def takes(built: Built | None, block: Block) -> Executed | None:
    """The execution of our own block, if this is it: the id covers parent, slot, transactions and outcome."""
    return built.executed if built is not None and built.id == block.id else None
