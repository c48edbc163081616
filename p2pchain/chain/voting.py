"""The rules V1, V2, V3 and C1, as decisions over what a delegate remembers; F is counted in `tree`.

A delegate's memory is what must be on disk before a signature leaves.  Each rule is one named boolean, so that a
mutant that drops one can be searched for a violation (tests/chain/test_vote_rules.py).
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple

from p2pchain.chain.types import ZERO_HASH, BlockId, Height, Slot
from p2pchain.chain.votes import Subject

NOTHING = Subject(Slot(0), Height(0), BlockId(ZERO_HASH))


class SignState(NamedTuple):
    """What a delegate has signed last, and what it is locked on."""

    produced: Subject = NOTHING
    voted: Subject = NOTHING
    confirmed: Subject = NOTHING
    lock: Subject = NOTHING


@unique
class Hold(StrEnum):
    """Why a delegate does not vote for a block."""

    ALREADY_VOTED = "already voted in this slot or a later one (V1)"
    OUTSIDE_CLOCK_WINDOW = "its slot is not now (V2)"
    AGAINST_LOCK = "neither extends my lock nor carries a newer certificate (V2)"
    NOT_A_DELEGATE = "this node's key has no vote on it"


class Proposal(NamedTuple):
    """A valid block by its scheduled leader that extends my last final block, as the rules see it."""

    subject: Subject
    extends_lock: bool
    carried: Subject | None
    """The ancestor whose certificate the block carries, if that certificate has a quorum."""


def hold_vote(state: SignState, proposal: Proposal, *, in_window: bool) -> Hold | None:
    """V1 and V2: None where the delegate may vote."""
    is_later_slot = proposal.subject.slot > state.voted.slot
    carries_newer_certificate = proposal.carried is not None and proposal.carried.slot > state.lock.slot
    is_safe = proposal.extends_lock or carries_newer_certificate
    if not is_later_slot:
        return Hold.ALREADY_VOTED
    if not in_window:
        return Hold.OUTSIDE_CLOCK_WINDOW
    return None if is_safe else Hold.AGAINST_LOCK


def after_vote(state: SignState, proposal: Proposal) -> SignState:
    """V1 remembers the vote; V3 locks what the block carries, where that is newer than the lock."""
    carried = proposal.carried
    lock = carried if carried is not None and carried.slot > state.lock.slot else state.lock
    return state._replace(voted=proposal.subject, lock=lock)


def may_confirm(state: SignState, subject: Subject) -> bool:
    """C1, for a block whose certificate I hold."""
    has_no_later_vote = state.voted.slot <= subject.slot
    is_not_below_lock = subject.slot >= state.lock.slot
    is_new = subject.slot > state.confirmed.slot
    return has_no_later_vote and is_not_below_lock and is_new


def after_confirm(state: SignState, subject: Subject) -> SignState:
    """C1 locks what it confirms."""
    return state._replace(confirmed=subject, lock=subject)
