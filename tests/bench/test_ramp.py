from __future__ import annotations

import pytest

from p2pchain.bench.load.judging import lateness, shortfall
from p2pchain.bench.load.orders import Outcome, Step
from p2pchain.bench.load.quantiles import quantile
from p2pchain.bench.load.ramp import find_highest

STEP = Step(rate=100, seconds=1, patience_s=5)
GOOD = Outcome(
    offered=100,
    submitted=100,
    final=100,
    refused={},
    submit_s=1.0,
    final_s=1.2,
    p50_s=0.3,
    p90_s=0.4,
    p99_s=0.5,
    max_s=0.6,
    lag_p99_s=0.01,
    client_cpu_s=0.1,
    blocks=2,
)


@pytest.mark.parametrize("capacity", [2, 99, 100, 126, 1_000, 54_321])
def test_the_highest_load_is_found_from_below_and_from_above(capacity: float) -> None:
    tried: list[float] = []

    def is_borne(rate: float) -> bool:
        tried.append(rate)
        return rate <= capacity

    found = find_highest(100, is_borne)
    assert found is not None
    assert capacity / 1.5 <= found <= capacity
    assert found in tried, "a load that was never offered is no figure"


def test_where_nothing_is_borne_nothing_is_found() -> None:
    assert find_highest(100, lambda _rate: False) is None


def test_a_load_without_end_is_not_looked_for_for_ever() -> None:
    tried: list[float] = []
    found = find_highest(1, lambda rate: not tried.append(rate))  # type: ignore[func-returns-value]
    assert found == tried[-1]
    assert len(tried) < 50


def test_what_became_final_in_time_was_borne() -> None:
    assert shortfall(STEP, GOOD, 500) == ""
    assert lateness(GOOD, 500) == ""


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (GOOD._replace(refused={"pool_full": 3}), "refused 3 (pool_full)"),
        (GOOD._replace(final=99), "99 of 100 final"),
        (GOOD._replace(p99_s=1.51), "p99 1.51 s, 3 slots are 1.5 s"),
        (GOOD._replace(submit_s=2.6), "the nodes answered too slowly"),
    ],
)
def test_what_did_not_was_not_and_says_why(outcome: Outcome, words: str) -> None:
    assert words in shortfall(STEP, outcome, 500)


def test_a_client_that_is_late_by_half_a_slot_did_not_offer_its_load() -> None:
    assert "the client itself was 0.26 s late" in lateness(GOOD._replace(lag_p99_s=0.26), 500)
    assert lateness(GOOD._replace(lag_p99_s=0.25), 500) == ""


def test_quantiles_are_values_that_were_measured() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert [quantile(hundred, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([7.0], 0.5) == 7
    assert quantile([], 0.99) == float("inf")
