"""Bits that rot in a store: found by `verify`, or they change nothing that anybody can ask (F10)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.storage.flips import DATABASES, flips


@pytest.mark.parametrize("pages", [False, True])
def test_no_bit_that_is_turned_changes_an_answer_and_is_not_found(*, pages: bool) -> None:
    outcomes = Counter(flip.outcome for flip in flips(6 * len(DATABASES), 5, pages=pages))
    assert not outcomes["missed"]
    assert outcomes["found"] > 5
