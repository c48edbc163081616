"""The ballots that were received and are not yet decided, one place for each delegate, slot and kind.

Bounds: a voter has at most `SLOTS_PER_VOTER_MAX` slots per kind here, the oldest goes first; a voter that this node's
tree does not know is not counted at all.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.types import PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject

SLOTS_PER_VOTER_MAX = 1024
"""More than the longest unfinal branch (512), so that no ballot on a living block is pushed out by newer ones."""


class Contradiction(NamedTuple):
    """Two ballots of one kind by one delegate in one slot: evidence of a fault."""

    first: Ballot
    second: Ballot


class Ballots:
    """Verified ballots by voter and slot, and by subject: a ballot that lies about its block's slot or height is one on another block."""

    def __init__(self) -> None:
        self._by_subject: dict[tuple[Kind, Subject], dict[PublicKey, Signature]] = {}
        self._by_voter: dict[tuple[Kind, PublicKey], dict[Slot, Ballot]] = {}

    def add(self, ballot: Ballot) -> bool | Contradiction:
        """True where it is new, false where it is known, a contradiction where it disagrees with an earlier one."""
        slots = self._by_voter.setdefault((ballot.kind, ballot.voter), {})
        known = slots.get(ballot.subject.slot)
        if known is not None:
            return False if known.subject == ballot.subject else Contradiction(known, ballot)
        slots[ballot.subject.slot] = ballot
        self._by_subject.setdefault((ballot.kind, ballot.subject), {})[ballot.voter] = ballot.signature
        if len(slots) > SLOTS_PER_VOTER_MAX:
            self._forget(slots.pop(min(slots)))
        return True

    def has(self, ballot: Ballot) -> bool:
        known = self._by_voter.get((ballot.kind, ballot.voter), {}).get(ballot.subject.slot)
        return known is not None and known.subject == ballot.subject

    def signatures(self, kind: Kind, subject: Subject) -> dict[PublicKey, Signature]:
        return self._by_subject.get((kind, subject), {})

    def of_voter(self, kind: Kind, voter: PublicKey) -> Ballot | None:
        """The voter's newest ballot of a kind."""
        slots = self._by_voter.get((kind, voter))
        return slots[max(slots)] if slots else None

    def slots_kept_most(self) -> int:
        """Slots of the voter and kind of whom most are kept: what `SLOTS_PER_VOTER_MAX` bounds."""
        return max((len(slots) for slots in self._by_voter.values()), default=0)

    def forget_until(self, slot: int) -> None:
        """Everything up to the last final slot is decided."""
        for slots in self._by_voter.values():
            for old in [s for s in slots if s <= slot]:
                self._forget(slots.pop(old))
        self._by_voter = {key: slots for key, slots in self._by_voter.items() if slots}

    def _forget(self, ballot: Ballot) -> None:
        key = (ballot.kind, ballot.subject)
        signatures = self._by_subject[key]
        del signatures[ballot.voter]
        if not signatures:
            del self._by_subject[key]
