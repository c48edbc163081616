from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.block import TRANSACTIONS_CEILING
from p2pchain.node.block_budget import COUNTED_MIN, SAMPLES, BlockBudget
from p2pchain.node.events import BlocksImported
from tests.node.receiver import Receiver

MOST = 5_000


def budget(*imports_us: int, slot_ms: int = 500) -> BlockBudget:
    """After imports of 1,000 transactions each that took so long."""
    made = BlockBudget(slot_ms)
    for took_us in imports_us:
        made.imported(1_000, took_us)
    return made


def test_who_has_measured_nothing_fills_its_blocks() -> None:
    assert budget().transactions_max(MOST) == MOST


@pytest.mark.parametrize(
    ("us_each", "slot_ms", "wanted"), [(8, 500, 5_000), (20, 500, 2_500), (50, 500, 1_000), (20, 250, 1_250), (8, 250, 3_125)]
)
def test_an_import_takes_a_tenth_of_a_slot(us_each: int, slot_ms: int, wanted: int) -> None:
    assert budget(1_000 * us_each, slot_ms=slot_ms).transactions_max(MOST) == wanted


def test_one_import_that_stumbled_moves_nothing() -> None:
    assert budget(*[20_000] * 8, 900_000).transactions_max(MOST) == 2_500


def test_a_slow_hour_is_forgotten() -> None:
    assert budget(*[500_000] * 50, *[20_000] * SAMPLES).transactions_max(MOST) == 2_500


def test_a_small_block_says_nothing() -> None:
    made = budget()
    made.imported(COUNTED_MIN - 1, 10**9)
    assert made.transactions_max(MOST) == MOST


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 10**8))), st.integers(1, TRANSACTIONS_CEILING))
def test_whatever_is_measured_a_block_may_hold_something_and_never_more_than_the_network_allows(
    measured: list[tuple[int, int]], most: int
) -> None:
    made = BlockBudget(500)
    for count, took in measured:
        made.imported(count, took)
        assert min(most, COUNTED_MIN) <= made.transactions_max(most) <= most


def test_a_leader_that_imports_slowly_makes_smaller_blocks_and_the_rest_waits_for_the_next() -> None:
    world = Receiver()
    world.fill_pool(world.maker.transfers(world.maker.root, 300))
    world.node.handle(BlocksImported(1_000, 50_000_000))
    producer = world.node.running.producer
    while world.node.running.core.head.height == 0:
        world.run(50)
    block = world.node.running.core.head.block
    assert block is not None
    assert len(block.transactions) == producer.budget.transactions_max(5_000) == COUNTED_MIN
