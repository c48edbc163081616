from collections import Counter

import pytest

from p2pchain.sim.options import BadOption
from p2pchain.sim.sizes import Sizes, parse_sizes


def test_one_number_is_every_seeds_size() -> None:
    assert {parse_sizes("7").draw(seed) for seed in range(50)} == {7}


def test_a_size_is_the_seeds_own_and_within_the_range() -> None:
    sizes = parse_sizes("4..31")
    drawn = [sizes.draw(seed) for seed in range(2_000)]
    assert drawn == [sizes.draw(seed) for seed in range(2_000)]
    assert (min(drawn), max(drawn)) == (4, 31)


def test_most_worlds_are_small_and_large_ones_come() -> None:
    counts = Counter(Sizes(4, 31).draw(seed) for seed in range(2_000))
    assert sum(counts[size] for size in range(4, 8)) > 1_000
    assert sum(counts[size] for size in range(21, 32)) > 50


@pytest.mark.parametrize("text", ["", "x", "0", "4..", "..4", "31..4", "4..102", "-1", "4...5", "4-31", "0..4", "٤", "9" * 30])
def test_an_impossible_size_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(BadOption, match="--nodes") as refusal:
        parse_sizes(text)
    assert refusal.value.option == "--nodes"


@pytest.mark.parametrize("text", ["4", "4..31", "1..101"])
def test_a_size_reads_as_it_was_written(text: str) -> None:
    assert str(parse_sizes(text)) == text
