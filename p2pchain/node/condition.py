"""What a node is doing, or what it waits for and why, in words for people."""

from __future__ import annotations

from p2pchain.chain.schedule import quorum
from p2pchain.chain.state import DELEGATE_BY_KEY, DELEGATES
from p2pchain.node.core import Core
from p2pchain.node.engine import Engine
from p2pchain.node.lacking import describe_lack
from p2pchain.node.room import describe_room
from p2pchain.node.upgrading import describe_requirement

STALL_SLOTS = 3
"""Slots without a new final block, while there are unfinal ones, before the status speaks of waiting."""


def describe_condition(engine: Engine, slot: int) -> str:
    """What the node is doing, or what it waits for and why, in one line.

    Before it that the node must be replaced soon, behind it what its operator has to do, if anything.
    """
    core = engine.core
    requirement = None if core.requirement is None else describe_requirement(core.requirement, core.supported)
    room = describe_room(engine.producer.room, short=engine.producer.is_short_of_room)
    parts = (room, requirement, _describe(engine, slot), _describe_clock(engine), _describe_demotion(engine))
    return "; ".join(text for text in parts if text)


def clock_offset_ms(engine: Engine) -> int | None:
    """How far this machine's clock is ahead of those of the delegates; see `node.clocks`."""
    core = engine.core
    return engine.consensus.clocks.offset_ms(core.now_ms, core.head.schedule.keys, core.key)


def _describe_clock(engine: Engine) -> str | None:
    """A block from more than half a slot ahead waits for its time, so half a slot is what a clock may be wrong."""
    offset = clock_offset_ms(engine)
    if offset is None or abs(offset) <= engine.core.spec.slot_ms // 2:
        return None
    if offset < 0:
        return f"this machine's clock is {-offset} ms behind those of the delegates: set it, and keep it set with NTP"
    return f"ballots come {offset} ms late: this machine's clock is that far ahead, or its links are that slow"


def _describe_demotion(engine: Engine) -> str | None:
    core = engine.core
    view = core.head_view()
    owner = DELEGATE_BY_KEY.load(view, core.key) if core.key is not None else None
    row = DELEGATES.load(view, owner.data) if owner is not None else None
    if row is None or not row.demoted or row.retired:
        return None
    seat = "a block of its own takes that back" if core.key in core.head.schedule.keys else "it has no seat"
    return (
        f"this delegate is demoted, it missed {row.missed_in_row} heartbeats in a row: {seat}; "
        "say that it is back with `p2pchain delegate come-back --from KEY`"
    )


def _describe(engine: Engine, slot: int) -> str:
    core, root = engine.core, engine.core.tree.root
    if core.awaits_base or (core.refused_final or 0) > root.height:
        return _recovery_condition(core)
    lack = describe_lack(engine.lacking.now())
    if lack or engine.sync.is_behind:
        return lack or f"catching up: final height {root.height} of {engine.sync.target}"
    if core.key is not None and core.sign is None:
        return "silent: there is no record of what this key has signed, so it waits until later blocks are final"
    keys = sorted(root.schedule.keys)
    needed = quorum(len(keys))
    if core.head is root and len(core.peers) + 1 < needed:
        return f"in step, but a quorum takes {needed} delegates and this node is connected to {len(core.peers)} others"
    if core.head is root or slot - root.slot <= STALL_SLOTS:
        return "in step: the newest blocks are final"
    return _stall_condition(engine, slot)


def _stall_condition(engine: Engine, slot: int) -> str:
    """Who was heard lately, and whether that is a quorum."""
    core, root = engine.core, engine.core.tree.root
    keys = sorted(root.schedule.keys)
    needed = quorum(len(keys))
    # a slot whose leader is gone stays empty, and nobody votes in it: a whole round says who is there
    seen = [key for key in keys if engine.consensus.last_seen.get(key, 0) >= slot - STALL_SLOTS - len(keys)]
    missing = ", ".join(member.account.hex()[:12] for member in root.schedule.active if member.consensus_key not in seen)
    stalled = f"{core.tree.depth(core.head)} blocks are not final"
    if len(seen) >= needed:
        return f"votes of {len(seen)} of {len(keys)} delegates are back: {stalled} yet"
    return f"no quorum: heard {len(seen)} of {len(keys)} delegates lately, {needed} needed; missing {missing}; {stalled}"


def _recovery_condition(core: Core) -> str:
    """Waiting for the base of a recovery, or in need of one."""
    height = core.tree.root.height
    pending = core.recoveries.next_above(height)
    if pending is not None:
        return f"waits for the base of the recovery at height {pending.base.height}; final height is {height}"
    refused = core.refused_final or 0
    return (
        f"peers say that block {refused} is final, and by this node's rules it is not valid;"
        f" if the network was recovered at height {refused - 1}, install its document: p2pchain recovery install FILE"
    )
