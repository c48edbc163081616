from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.bench.plot import draw
from p2pchain.bench.result import Curve, Series

NUMBERS = st.floats(0, 1e12)


def drawn(curve: Curve) -> ET.Element:
    return ET.fromstring(draw(curve))


@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5), max_size=4), st.none() | NUMBERS)
def test_every_point_lies_on_the_picture(lines: list[list[tuple[float, float]]], mark: float | None) -> None:
    curve = Curve(
        "a & b", "<x>", "y", [Series(f"line {i}", points) for i, points in enumerate(lines)], None if mark is None else ("mark", mark)
    )
    circles = [each for each in drawn(curve).iter() if each.tag.endswith("circle")]
    assert len(circles) == sum(map(len, lines))
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= 760
        assert 0 <= float(circle.attrib["cy"]) <= 440


def test_words_are_words_whatever_they_hold() -> None:
    texts = [each.text for each in drawn(Curve("a & b", "<x>", '"y"', [Series("l", [(1, 1)])])).iter() if each.tag.endswith("text")]
    assert {"a & b", "<x>", '"y"', "l"} <= set(texts)


@pytest.mark.parametrize(("most", "ticks"), [(1.0, {"0", "0.2", "1"}), (4_000.0, {"0", "1,000", "4,000"})])
def test_ticks_are_round_numbers(most: float, ticks: set[str]) -> None:
    texts = {each.text for each in drawn(Curve("t", "x", "y", [Series("l", [(0, 0), (1, most)])])).iter() if each.tag.endswith("text")}
    assert ticks <= texts
