"""How delegates change the terms: votes for a change, changes that are agreed, and the height at which one is in force.

A change names a height, the protocol version from there on, and new values of some parameters.  More than two thirds of
the set that governs a block, all for exactly the same change, agree to it at that block's end; it is in force for the
block at its height, which is judged by the terms in its parent's state.

Whatever was checked when a vote was cast is checked again when its time comes: in between, other changes may have
come into force.  A change that no longer goes with the terms lapses, on every node alike; it never stops the chain.

Bounds: a delegate has one open vote, so there are no more open proposals than voters; votes of those who lost their
seat go at the end of the next block; `SCHEDULED_MAX` changes are agreed and not yet in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.params import Params, Wrong, find_wrong, parameter_names
from p2pchain.chain.state import Ledger, Table, View
from p2pchain.chain.terms import TERMS, Terms, TermsRow

SCHEDULED_MAX = 16
"""Each took a quorum, so nobody fills this alone; nobody can foresee the terms behind more of them either."""
SLOT_MS_NUMBER = 1
"""The one parameter that never changes: slots are counted from the genesis."""


class Change(NamedTuple):
    """New terms from a height on.  Changes are the same where all three fields are."""

    height: int
    """The first block that is judged by them."""
    version: int
    """As before, or one more."""
    values: tuple[tuple[int, int], ...] = ()
    """(number of the parameter, new value), ascending by number; all others stay as they are."""

    @classmethod
    def from_value(cls, value: tuple[object, ...]) -> Change:
        height, version, values = cast("tuple[int, int, Sequence[Sequence[int]]]", value)
        return cls(height, version, tuple((number, new) for number, new in values))


class Proposal(NamedTuple):
    """A change and the accounts of the delegates that want it, ascending."""

    change: Change
    voters: tuple[bytes, ...]


class Proposals(NamedTuple):
    """All open proposals, ascending; none without a voter."""

    open: tuple[Proposal, ...] = ()

    @classmethod
    def from_value(cls, value: tuple[object, ...]) -> Proposals:
        (items,) = cast("tuple[Sequence[tuple[tuple[object, ...], Sequence[bytes]]]]", value)
        return cls(tuple(Proposal(Change.from_value(change), tuple(voters)) for change, voters in items))


class Scheduled(NamedTuple):
    """The changes that are agreed and not yet in force, ascending by height, one a height."""

    changes: tuple[Change, ...] = ()

    @classmethod
    def from_value(cls, value: tuple[object, ...]) -> Scheduled:
        (items,) = cast("tuple[Sequence[tuple[object, ...]]]", value)
        return cls(tuple(Change.from_value(item) for item in items))


PROPOSALS = Table(b"V", Proposals)
SCHEDULED = Table(b"Q", Scheduled)
"""One row each; missing where nobody ever voted."""


class Requirement(NamedTuple):
    """What a node must know to go on."""

    version: int
    height: int
    """The first block that takes it."""


# --- what a change makes of the terms


def find_problem(terms: Terms, change: Change) -> Wrong | None:
    """Why a change does not go with the terms that are in force before it; None where it does."""
    if not terms.version <= change.version <= terms.version + 1:
        return Wrong("version", change.version, f"{terms.version} (as before) or {terms.version + 1}")
    return find_wrong(_values_after(terms, change))


def terms_after(terms: Terms, change: Change) -> Terms:
    """The terms once a change is in force; as before where it lapses."""
    if find_problem(terms, change) is not None:
        return terms
    return Terms(change.version, Params(*_values_after(terms, change)))


def terms_before(terms: Terms, scheduled: Iterable[Change], height: int) -> Terms:
    """The terms once every scheduled change below a height is in force."""
    for change in scheduled:
        if change.height < height:
            terms = terms_after(terms, change)
    return terms


def find_requirement(terms: Terms, scheduled: Iterable[Change], height: int, supported: int) -> Requirement | None:
    """The first block above `height` (which the terms govern) that takes a version above `supported`, if one is known."""
    if terms.version > supported:
        return Requirement(terms.version, height + 1)
    for change in scheduled:
        terms = terms_after(terms, change)
        if terms.version > supported:
            return Requirement(terms.version, change.height)
    return None


def named_values(change: Change) -> dict[str, int]:
    """The new values by the names of their parameters."""
    names = parameter_names()
    return {names[number - 1]: value for number, value in change.values}


def load_proposals(view: View) -> Proposals:
    return PROPOSALS.load(view) or Proposals()


def load_scheduled(view: View) -> Scheduled:
    return SCHEDULED.load(view) or Scheduled()


# --- casting a vote


def cast_vote(ledger: Ledger, voter: bytes, change: Change) -> None:
    """Count a delegate's vote for a change, and no longer for any other."""
    _write_proposals(ledger, _voting(_without_voter(_open(ledger), voter), voter, change))


def withdraw_vote(ledger: Ledger, voter: bytes) -> bool:
    """Take a delegate's vote back; false where it has none."""
    old = _open(ledger)
    new = _without_voter(old, voter)
    if new == old:
        return False
    _write_proposals(ledger, new)
    return True


def require_possible(ledger: Ledger, change: Change) -> None:
    """`Invalid` where a change could not come into force, as far as is known now."""
    scheduled = _scheduled(ledger)
    replaces = any(item.height == change.height for item in scheduled)
    terms = terms_before(_terms(ledger), scheduled, change.height)
    wrong = find_problem(terms, change)
    if wrong is None and not change.values and change.version == terms.version and not replaces:
        wrong = Wrong("change", "empty", "a new value, a higher version, or the height of a change that is scheduled")
    if wrong is not None:
        raise Invalid(Code.BAD_PARAMETER, f"parameter {wrong}", parameter=wrong.name, found=str(wrong.found), wanted=wrong.wanted)


def is_full(ledger: Ledger, change: Change) -> bool:
    """Whether a change would be one too many; one that takes the place of another is not."""
    scheduled = _scheduled(ledger)
    return len(scheduled) >= SCHEDULED_MAX and all(item.height != change.height for item in scheduled)


# --- the end of a block


def settle_changes(ledger: Ledger, terms: Terms, height: int, *, active: Sequence[bytes], needed: int) -> Terms:
    """Count the votes at the end of the block at `height`, and put into force what is due for the next one.

    `terms` are those that judge this block, `active` are the accounts of the set that governs it, `needed` is its
    quorum.  Returns the terms above.
    """
    scheduled, proposals = _scheduled(ledger), _open(ledger)
    if not scheduled and not proposals:
        return terms
    seated = frozenset(active)
    counted = [Proposal(change, tuple(v for v in voters if v in seated)) for change, voters in proposals]
    left = []
    for proposal in counted:
        if len(proposal.voters) >= needed and not is_full(ledger, proposal.change):
            _write_scheduled(ledger, _with_change(_scheduled(ledger), proposal.change, _terms(ledger)))
        elif proposal.voters:
            left.append(proposal)
    new_terms = _put_into_force(ledger, height + 1)
    # What could not be voted for in the next block any more will never be agreed.
    earliest = height + 1 + new_terms.params.notice_blocks
    kept = [proposal for proposal in left if proposal.change.height >= earliest]
    if kept != list(proposals):
        _write_proposals(ledger, kept)
    return new_terms


def _put_into_force(ledger: Ledger, height: int) -> Terms:
    terms, scheduled = _terms(ledger), _scheduled(ledger)
    due = [change for change in scheduled if change.height <= height]
    if not due:
        return terms
    _write_scheduled(ledger, [change for change in scheduled if change.height > height])
    new = terms_before(terms, due, height + 1)
    if new != terms:
        ledger.put(TERMS, b"", new.row())
    return new


def _with_change(scheduled: Sequence[Change], change: Change, terms: Terms) -> list[Change]:
    """The later agreement for a height takes the place of the earlier; one that changes nothing only removes it."""
    others = [item for item in scheduled if item.height != change.height]
    before = terms_before(terms, others, change.height)
    changes_nothing = not change.values and change.version == before.version
    return sorted(others if changes_nothing else [*others, change])


def _values_after(terms: Terms, change: Change) -> list[int]:
    values = list(terms.params.to_value())
    for number, value in change.values:
        values[number - 1] = value
    return values


def _without_voter(proposals: Iterable[Proposal], voter: bytes) -> list[Proposal]:
    left = [Proposal(change, tuple(v for v in voters if v != voter)) for change, voters in proposals]
    return [proposal for proposal in left if proposal.voters]


def _voting(proposals: Iterable[Proposal], voter: bytes, change: Change) -> list[Proposal]:
    by_change = {proposal.change: proposal.voters for proposal in proposals}
    by_change[change] = tuple(sorted((*by_change.get(change, ()), voter)))
    return [Proposal(*item) for item in sorted(by_change.items())]


def _terms(ledger: Ledger) -> Terms:
    row: TermsRow | None = ledger.get(TERMS)
    assert row is not None, "the terms row is written by the genesis"
    return Terms(row.version, Params(*row.params))


def _open(ledger: Ledger) -> list[Proposal]:
    return list((ledger.get(PROPOSALS) or Proposals()).open)


def _scheduled(ledger: Ledger) -> list[Change]:
    return list((ledger.get(SCHEDULED) or Scheduled()).changes)


def _write_proposals(ledger: Ledger, proposals: Sequence[Proposal]) -> None:
    ledger.put(PROPOSALS, b"", Proposals(tuple(proposals)))


def _write_scheduled(ledger: Ledger, changes: Sequence[Change]) -> None:
    ledger.put(SCHEDULED, b"", Scheduled(tuple(changes)))
