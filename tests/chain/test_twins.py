"""Twins in the test command: see `tests/chain/twins.py` for the claims and for the command that plays millions."""

import pytest

from tests.chain.twins import Sums, World, play, play_range, scenario

FOUR, SEVEN = World(4, 1), World(7, 2)
DRAWN = 1_000_000_000
"""A number above all systematic scenarios."""


def test_the_systematic_scenarios_of_four_delegates_keep_the_claims() -> None:
    """A twenty-fifth of them; `--scenarios 65536` plays all."""
    sums = Sums()
    for index in range(0, 65_536, 25):
        sums = sums.plus(play(FOUR, index))
    assert sums.is_clean(FOUR), sums.first


@pytest.mark.parametrize(("world", "count"), [(FOUR, 5_879), (SEVEN, 1_500)], ids=["4", "7"])
def test_drawn_scenarios_keep_the_claims(world: World, count: int) -> None:
    sums = play_range(world, DRAWN, count)
    assert sums.is_clean(world), sums.first
    assert sums.contradicting > count / 10, "the twins no longer contradict each other"
    assert sums.held_by_lock > count / 100, "no lock is reached any more"


@pytest.mark.parametrize("mutant", ["later_vote", "no_lock_by_confirm", "small_quorum", "twice_in_a_slot"])
def test_a_broken_rule_breaks_the_claims(mutant: str) -> None:
    world = FOUR._replace(mutant=mutant)
    assert not play_range(world, DRAWN, 200).is_clean(world)


@pytest.mark.parametrize("world", [World(4, 2), World(4, 0, 2)], ids=["twins", "amnesiacs"])
def test_more_dishonest_than_tolerated_are_found_and_nobody_is_framed(world: World) -> None:
    """F16: until 50 networks have split, by contradiction or without one."""
    sums, index = Sums(), DRAWN
    while sums.conflicts < 50:
        sums = sums.plus(play(world, index))
        index += 1
    assert sums.is_clean(world), sums.first
    assert sums.forgotten >= (50 if world.amnesiacs else 1), "not all ways to be found are reached"


def test_an_amnesiac_alone_splits_nothing() -> None:
    world = World(4, 0, 1)
    assert play_range(world, DRAWN, 500).conflicts == 0


def test_a_scenario_is_the_same_for_the_same_number() -> None:
    assert [scenario(FOUR, index) for index in (7, DRAWN)] == [scenario(FOUR, index) for index in (7, DRAWN)]
    assert play(SEVEN, DRAWN) == play(SEVEN, DRAWN)
