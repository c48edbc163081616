"""Safety by search: see `tests/chain/adversary.py` for the adversary and for the command that runs millions."""

import pytest

from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import NOTHING, Hold, Proposal, SignState, after_confirm, after_vote, hold_vote, may_confirm
from tests.chain.adversary import MUTANTS, Rules, findings, search

SEED = 20_261_123
RUNS = 25_000
CAUGHT = ("no_lock", "older_certificate", "any_slot", "later_vote", "confirm_lower", "no_lock_by_confirm", "small_quorum")
HARMLESS = ("twice_in_a_slot", "no_lock_by_vote", "below_lock", "confirm_again")
"""Each of these conditions is implied by the others as far as safety goes: 500,000 runs of the first two found nothing,
10,000 of the others.  A confirm
is never below the lock nor below the last confirm: either condition does for both, so only `confirm_lower`, which drops
the two, is caught.  V3 matters to liveness: a delegate locked on what it voted for carries the newest certificate on."""


def subject(slot: int, block: int | None = None) -> Subject:
    return Subject(Slot(slot), Height(slot), BlockId(bytes([slot if block is None else block]) * 32))


@pytest.mark.parametrize("members", [4, 7])
def test_no_adversary_makes_two_conflicting_blocks_final(members: int) -> None:
    report = search(Rules(), members=members, runs=RUNS, seed=SEED)
    assert report.violations == 0, report.first
    reached = (report.final, report.rivals, report.held_by_lock, report.locked_by_vote)
    assert min(reached) > RUNS / 10, "the search no longer gets to where the rules are needed"


@pytest.mark.parametrize("members", [4, 7])
@pytest.mark.parametrize("name", CAUGHT)
def test_the_search_finds_a_rule_that_is_missing(name: str, members: int) -> None:
    report = search(MUTANTS[name], members=members, runs=10_000, seed=SEED, until_first=True)
    assert report.violations == 1
    assert report.first is not None
    assert report.first.violation is not None


@pytest.mark.parametrize("name", HARMLESS)
def test_a_condition_implied_by_the_others_is_not_what_safety_rests_on(name: str) -> None:
    """Stated so that whoever drops one of the others finds out that it was implied no longer."""
    assert search(MUTANTS[name], members=4, runs=5_000, seed=SEED).violations == 0


def test_every_mutant_is_judged() -> None:
    assert {*CAUGHT, *HARMLESS} == MUTANTS.keys()


def test_the_search_is_the_same_for_the_same_seed() -> None:
    one, other = findings(Rules(), members=4, seed=7), findings(Rules(), members=4, seed=7)
    assert [next(one) for _ in range(50)] == [next(other) for _ in range(50)]


# --- each rule by itself


@pytest.mark.parametrize(("slot", "held"), [(4, Hold.ALREADY_VOTED), (5, Hold.ALREADY_VOTED), (6, None)])
def test_a_delegate_votes_once_in_a_slot_and_never_backwards(slot: int, held: Hold | None) -> None:
    proposal = Proposal(subject(slot), extends_lock=True, carried=None)
    assert hold_vote(SignState(voted=subject(5)), proposal, in_window=True) is held


def test_a_delegate_does_not_vote_outside_of_its_clock_window() -> None:
    proposal = Proposal(subject(6), extends_lock=True, carried=None)
    assert hold_vote(SignState(), proposal, in_window=False) is Hold.OUTSIDE_CLOCK_WINDOW


@pytest.mark.parametrize(("carried", "held"), [(None, Hold.AGAINST_LOCK), (2, Hold.AGAINST_LOCK), (3, Hold.AGAINST_LOCK), (4, None)])
def test_only_a_certificate_newer_than_the_lock_opens_it(carried: int | None, held: Hold | None) -> None:
    proposal = Proposal(subject(6), extends_lock=False, carried=None if carried is None else subject(carried, 99))
    assert hold_vote(SignState(lock=subject(3)), proposal, in_window=True) is held
    assert hold_vote(SignState(lock=subject(3)), proposal._replace(extends_lock=True), in_window=True) is None


@pytest.mark.parametrize(("carried", "lock"), [(None, 3), (2, 3), (3, 3), (4, 4)])
def test_voting_locks_a_carried_certificate_only_if_it_is_newer(carried: int | None, lock: int) -> None:
    state = SignState(lock=subject(3))
    after = after_vote(state, Proposal(subject(6), extends_lock=True, carried=None if carried is None else subject(carried, 99)))
    assert after.voted == subject(6)
    assert after.lock.slot == lock
    assert (after.lock == state.lock) is (lock == 3)


@pytest.mark.parametrize(
    ("voted", "lock", "confirmed", "may"),
    [
        (0, 0, 0, True),
        (5, 5, 4, True),
        (6, 5, 4, False),
        (5, 6, 4, False),
        (5, 5, 5, False),
        (5, 5, 6, False),
    ],
)
def test_a_confirm_follows_no_later_vote_lock_or_confirm(voted: int, lock: int, confirmed: int, *, may: bool) -> None:
    state = SignState(voted=subject(voted), lock=subject(lock), confirmed=subject(confirmed))
    assert may_confirm(state, subject(5)) is may


def test_a_confirm_locks_what_it_confirms() -> None:
    after = after_confirm(SignState(voted=subject(5), lock=subject(2), produced=subject(4)), subject(5))
    assert after == SignState(voted=subject(5), lock=subject(5), confirmed=subject(5), produced=subject(4))


def test_a_delegate_without_a_past_votes_for_anything_above_the_genesis() -> None:
    assert hold_vote(SignState(), Proposal(subject(1), extends_lock=True, carried=None), in_window=True) is None
    assert NOTHING.slot == 0
