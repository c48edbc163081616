"""Safety by exhaustion, for few slots: see `tests/chain/explorer.py` for what is visited and for the command that goes deeper."""

import pytest

from tests.chain.adversary import MUTANTS, Rules
from tests.chain.explorer import Search, explore, plain, shapes
from tests.chain.test_vote_rules import CAUGHT, HARMLESS

SLOTS = 3
"""Enough for every mutant that the random adversary catches."""


def test_no_order_of_messages_makes_two_conflicting_blocks_final() -> None:
    verdict = explore(None, members=4, slots=SLOTS)
    assert verdict.violations == 0, verdict.trace
    assert verdict.nodes > 1_000, "the search no longer gets to where the rules are needed"


def test_two_certified_blocks_in_one_slot_do_not_help() -> None:
    verdict = explore(None, members=4, slots=2, rivals=2)
    assert verdict.violations == 0, verdict.trace


def test_two_byzantine_of_seven_are_tolerated() -> None:
    verdict = explore(None, members=7, slots=2)
    assert verdict.violations == 0, verdict.trace


@pytest.mark.parametrize("name", CAUGHT)
def test_what_the_random_adversary_catches_is_found(name: str) -> None:
    verdict = explore(name, members=4, slots=SLOTS, until_first=True)
    assert verdict.violations == 1
    assert any("is final" in line for line in verdict.trace)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_the_random_adversary_calls_harmless_is(name: str) -> None:
    assert explore(name, members=4, slots=SLOTS).violations == 0


@pytest.mark.parametrize("name", [None, "later_vote", "no_lock", "no_lock_by_vote"])
def test_leaving_out_orders_without_a_difference_loses_nothing(name: str | None) -> None:
    """The same certified and final blocks as one message at a time, in every shape of two slots."""
    rules = MUTANTS[name] if name else Rules()
    for shape in shapes(2, 1):
        assert Search(rules, 4, shape).reached() == plain(rules, 4, shape), shape


def test_the_shapes_are_all_trees_with_all_carried_certificates() -> None:
    """Slot 2: on the genesis, or on block 1 with or without its certificate; slot 3 on each of these."""
    assert [len(shapes(slots, 1)) for slots in (1, 2, 3, 4)] == [1, 3, 17, 151]
    assert len(shapes(2, 2)) == 9
