"""Old blocks taken out: what goes, what stays, how fast, and what a crash in the middle leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from p2pchain.chain.params import ChainSpec
from p2pchain.chain.types import Height
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.node.keeping import (
    DAY_MS,
    KEPT_BLOCKS_MIN,
    PROMISE_BLOCKS,
    Keep,
    first_at,
    first_kept,
    first_promised,
    slot_of_final,
    wanted_from,
)
from p2pchain.storage import LmdbStore, open_store, read_store
from p2pchain.storage import pruning as the_module
from p2pchain.storage.layout import Progress
from p2pchain.storage.offline import prune_now
from p2pchain.storage.pruning import SHARE_BLOCKS_MAX, highest_prunable
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis

HEIGHT, KEPT = 60, 10


class Long:
    """A chain of a few transfers a block, with the confirms on each."""

    def __init__(self) -> None:
        self.maker = ChainMaker(make_genesis())
        self.blocks: list[MadeBlock] = []
        self.commits: list[Commit] = []
        tip = self.maker.root
        for _ in range(HEIGHT):
            tip = self.maker.extend(tip, transfers=3)
            self.blocks.append(tip)
            confirms = self.maker.certificate(tip, Kind.CONFIRM)
            self.commits.append(Commit(blocks=[tip.stored], final=[tip.made.id], confirms=[confirms]))

    @property
    def spec(self) -> ChainSpec:
        return self.maker.spec


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


def opened(folder: Path, long: Long, flush_blocks: int = 2) -> LmdbStore:
    return open_store(folder, long.maker.genesis, flush_blocks=flush_blocks, kept_blocks_min=KEPT)


@pytest.fixture
def store(tmp_path: Path, long: Long) -> Iterator[LmdbStore]:
    with opened(tmp_path, long) as made:
        fill(made, long.commits)
        yield made


def fill(store: LmdbStore, commits: Sequence[Commit]) -> None:
    for commit in commits:
        store.commit(commit)


def prune(store: LmdbStore, height: int) -> None:
    store.prune_to(height)
    while store.is_pruning:
        store.commit(Commit())


def test_bodies_go_and_headers_and_confirms_stay(store: LmdbStore, long: Long) -> None:
    headers = store.final_headers(1, HEIGHT, 1 << 30)
    rows = {key: store.get(key) for key in long.blocks[-1].rows}
    kept = store.final_range(31, HEIGHT, 1 << 30)
    prune(store, 30)
    assert store.blocks_from == 31
    assert store.final_block(30) is None
    assert store.final_range(30, 5, 1 << 30) == []
    assert store.final_range(31, HEIGHT, 1 << 30) == kept
    assert store.final_headers(1, HEIGHT, 1 << 30) == headers
    assert store.final_headers(29, 4, 1 << 30) == headers[28:32]
    assert store.final_height(long.blocks[3].made.id) == 4
    assert {key: store.get(key) for key in rows} == rows


def test_what_was_pruned_stays_pruned_and_the_rest_is_found_again(tmp_path: Path, long: Long) -> None:
    with opened(tmp_path, long) as store:
        fill(store, long.commits)
        prune(store, 30)
        root, kept = store.recovered().root.subject, store.final_range(31, HEIGHT, 1 << 30)
    with opened(tmp_path, long) as store:
        assert (store.blocks_from, store.recovered().root.subject) == (31, root)
        assert store.final_range(31, HEIGHT, 1 << 30) == kept
        assert not store.is_pruning, "what is to go is said anew after a start"
    with read_store(tmp_path, long.maker.genesis) as reader:
        assert reader.blocks_from == 31
        assert reader.final_block(30) is None
        assert reader.final_headers(30, 1, 1 << 30)


def test_whatever_is_asked_for_the_newest_blocks_stay(store: LmdbStore) -> None:
    prune(store, 10**9)
    assert store.blocks_from == HEIGHT - KEPT + 1


def test_what_a_start_reads_stays(tmp_path: Path, long: Long) -> None:
    with opened(tmp_path, long, flush_blocks=20) as store:
        for commit in long.commits:
            store.commit(commit)
            store.prune_to(10**9)
    with opened(tmp_path, long, flush_blocks=20) as store:
        assert store.recovered().root.subject == long.blocks[-1].subject
        assert {key: store.get(key) for key in long.blocks[-1].rows} == long.blocks[-1].rows


@pytest.mark.parametrize(("final", "flushed", "highest"), [(5_000, 4_990, 4_000), (5_000, 3_000, 2_999), (900, 880, 0), (0, 0, 0)])
def test_the_floor_is_a_thousand_blocks_and_the_flushed_height(store: LmdbStore, final: int, flushed: int, highest: int) -> None:
    memory = store._view.memory
    memory = memory._replace(final=memory.final._replace(height=Height(final)), progress=Progress(flushed))
    assert highest_prunable(memory) == highest


def test_it_goes_with_the_commits_a_share_each(tmp_path: Path, long: Long, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, long) as store:
        fill(store, long.commits[:40])
        monkeypatch.setattr(the_module, "SHARE_BLOCKS_MAX", 2)
        store.prune_to(10**9)
        for passed, commit in enumerate(long.commits[40:50], 1):
            store.commit(commit)
            assert store.blocks_from == 1 + 2 * passed
    assert SHARE_BLOCKS_MAX * 4 < 10_000


def test_a_commit_takes_no_longer_for_it_than_its_share_allows(store: LmdbStore) -> None:
    """The clock is asked after every block: here each takes as long as the whole share may."""
    seconds = iter(range(10**6))
    environment, pruned = store._environment, store._pruning.pruned
    with environment.lmdb.begin(write=True) as txn:
        after = the_module.prune_share(environment, txn, pruned, 30, 0, clock=lambda: float(next(seconds)))
        assert (after.pruned.height, after.is_done) == (1, False)
        txn.abort()


def test_a_commit_that_never_came_to_its_end_pruned_nothing(tmp_path: Path, long: Long) -> None:
    with opened(tmp_path, long) as store:
        fill(store, long.commits[:-1])
        whole = store.final_range(1, HEIGHT, 1 << 30)
        store.prune_to(30)
        store.stage(long.commits[-1])
        assert store.blocks_from == 1, "reads see no half of it"
        assert store.final_range(1, HEIGHT, 1 << 30) == whole
    with opened(tmp_path, long) as store:
        assert store.blocks_from == 1
        assert store.final_range(1, HEIGHT, 1 << 30) == whole


def test_where_a_pruned_transaction_was_is_known_until_its_generation_goes(
    tmp_path: Path, long: Long, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pchain.storage.plan.GENERATION_ENTRIES_MAX", 30)
    with opened(tmp_path, long) as store:
        fill(store, long.commits[:40])
        prune(store, 5)
        first, later = long.blocks[2].made.transactions[1], long.blocks[36].made.transactions[2]
        place = store.transaction(first.id)
        assert place is not None
        assert (place.height, place.position) == (3, 1)
        prune(store, 28)
        assert store._pruning.pruned.generation >= 1
        assert store.transaction(first.id) is None
        found = store.transaction(later.id)
        assert found is not None
        assert found.height == 37
        fill(store, long.commits[40:])
        assert all(store.transaction(each.id) is not None for block in long.blocks[28:] for each in block.made.transactions)


def test_a_stopped_node_is_pruned_at_once(store: LmdbStore, long: Long, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(prune_now(store, Keep(blocks=20), long.spec)), "a thousand blocks stay, and this chain has no more"
    monkeypatch.setattr("p2pchain.node.keeping.KEPT_BLOCKS_MIN", KEPT)
    monkeypatch.setattr(the_module, "SHARE_BLOCKS_MAX", 8)
    steps = list(prune_now(store, Keep(blocks=20), long.spec))
    assert steps[:5] == [9, 17, 25, 33, 41]
    assert store.blocks_from == HEIGHT - 20 + 1
    assert not store.is_pruning


# --- what is to be kept


def no_time(_time_ms: int) -> int:
    raise AssertionError("nobody asked for days")


def test_an_archive_keeps_all() -> None:
    assert first_kept(Keep(), 10**6, no_time, 0) == 1
    assert first_promised(1, 10**6) == 1


def test_a_number_of_blocks_is_kept_but_never_fewer_than_the_floor() -> None:
    assert first_kept(Keep(blocks=5_000), 20_000, no_time, 0) == 15_001
    assert first_kept(Keep(blocks=5), 20_000, no_time, 0) == 20_000 - KEPT_BLOCKS_MIN + 1
    assert first_kept(Keep(blocks=5), 20, no_time, 0) == 1


def test_whatever_one_of_two_wishes_keeps_stays() -> None:
    def since(time_ms: int) -> int:
        assert time_ms == 7 * DAY_MS
        return 12_000

    assert first_kept(Keep(days=3), 20_000, since, 10 * DAY_MS) == 12_000
    assert first_kept(Keep(5_000, 3), 20_000, since, 10 * DAY_MS) == 12_000
    assert first_kept(Keep(9_000, 3), 20_000, since, 10 * DAY_MS) == 11_001


def test_less_is_promised_than_there_is() -> None:
    assert first_promised(501, 20_000) == 501 + PROMISE_BLOCKS
    assert first_promised(19_999, 20_000) == 20_001


def test_a_height_is_found_by_its_slot(store: LmdbStore, long: Long) -> None:
    slots = [block.subject.slot for block in long.blocks]
    assert [slot_of_final(store, height) for height in range(1, HEIGHT + 1)] == slots
    for slot in range(slots[-1] + 3):
        wanted = 1 + sum(each < slot for each in slots)
        assert first_at(HEIGHT, slot, lambda height: slot_of_final(store, height)) == wanted


def test_days_are_counted_from_the_last_final_block_and_no_clock_is_asked(store: LmdbStore, long: Long) -> None:
    """The whole chain is of less than a day, however long ago that was."""
    final = long.blocks[-1].subject
    assert wanted_from(Keep(days=1), store, long.spec, final.height, final.slot) == 1
