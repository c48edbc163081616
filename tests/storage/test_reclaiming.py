"""Free pages given back to the disk: all of them are nobody's, and the ledger reads as before."""

from __future__ import annotations

import ctypes
import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import LmdbStore, NoHolesError, open_store
from p2pchain.storage import reclaiming as the_module
from p2pchain.storage.free_pages import PageFile, UnknownFormError
from p2pchain.storage.reclaiming import BEGIN, Reclaimed, readers_in, runs
from tests.fakes.chain import ChainMaker, make_genesis

HEIGHT, KEPT, TRANSFERS = 40, 10, 120


@pytest.fixture(scope="module")
def commits() -> tuple[ChainMaker, list[Commit]]:
    maker = ChainMaker(make_genesis(accounts=TRANSFERS))
    made, tip = [], maker.root
    for _ in range(HEIGHT):
        tip = maker.extend(tip, transfers=TRANSFERS)
        made.append(Commit(blocks=[tip.stored], final=[tip.made.id], confirms=[maker.certificate(tip, Kind.CONFIRM)]))
    return maker, made


@pytest.fixture
def store(tmp_path: Path, commits: tuple[ChainMaker, list[Commit]]) -> Iterator[LmdbStore]:
    with opened(tmp_path, commits) as made:
        yield made


def opened(folder: Path, commits: tuple[ChainMaker, list[Commit]]) -> LmdbStore:
    maker, made = commits
    store = open_store(folder, maker.genesis, flush_blocks=2, kept_blocks_min=KEPT)
    if store.recovered().root.subject.height == 0:
        for commit in made:
            store.commit(commit)
    return store


def pruned(store: LmdbStore) -> None:
    store.prune_to(10**6)
    while store.is_pruning:
        store.commit(Commit())
    store.commit(Commit())


def give_back(store: LmdbStore) -> int:
    place, total = BEGIN, 0
    while True:
        done = store.reclaim(place)
        place, total = done.place, total + done.bytes
        if done.is_done:
            return total


def test_the_disk_has_it_back_and_the_ledger_reads_as_before(tmp_path: Path, commits: tuple[ChainMaker, list[Commit]]) -> None:
    with opened(tmp_path, commits) as store:
        full = store.disk_bytes
        pruned(store)
        assert store.disk_bytes >= full, "LMDB itself gives nothing back"
        gone = (HEIGHT - KEPT) * len(commits[1][0].blocks[0].block.raw)
    with opened(tmp_path, commits) as store:
        before = store.final_range(HEIGHT - KEPT + 1, HEIGHT, 1 << 30), store.final_headers(1, HEIGHT, 1 << 30)
        given_back = give_back(store)
        assert given_back > gone * 3 // 4
        assert store.disk_bytes < full - gone // 2
        assert before == (store.final_range(HEIGHT - KEPT + 1, HEIGHT, 1 << 30), store.final_headers(1, HEIGHT, 1 << 30))
    with opened(tmp_path, commits) as store:
        assert before == (store.final_range(HEIGHT - KEPT + 1, HEIGHT, 1 << 30), store.final_headers(1, HEIGHT, 1 << 30))
        assert store.disk_bytes < full - gone // 2


def test_what_was_given_back_is_room_below_the_bound_of_the_chain(tmp_path: Path, commits: tuple[ChainMaker, list[Commit]]) -> None:
    with opened(tmp_path, commits) as store:
        used = store._environment.used_bytes
    bound = used * 20 // 19  # so near that the chain is tighter than any volume
    with open_store(tmp_path, commits[0].genesis, flush_blocks=2, kept_blocks_min=KEPT, bytes_max=bound) as store:
        before = store.room()
        assert before.place == f"storage.bytes_max = {bound}"
        pruned(store)
        grown = store._environment.used_bytes - used
        given_back = give_back(store)
        after = store._chain_room()
        assert given_back > bound // 4
        page = 4_096  # the file may be one longer than what is in use
        assert after.free_bytes + page >= before.free_bytes + given_back - grown


def test_holes_are_filled_again_by_what_is_written_next(tmp_path: Path, commits: tuple[ChainMaker, list[Commit]]) -> None:
    maker, made = commits
    with open_store(tmp_path, maker.genesis, flush_blocks=2, kept_blocks_min=KEPT) as store:
        for commit in made[:30]:
            store.commit(commit)
        pruned(store)
        give_back(store)
        size = (tmp_path / "chain" / "data.mdb").stat().st_size
        for commit in made[30:]:
            store.commit(commit)
            give_back(store)
        assert (tmp_path / "chain" / "data.mdb").stat().st_size == size
        assert [block.raw for block in store.final_range(31, 100, 1 << 30)] == [each.blocks[0].block.raw for each in made[30:]]


def test_free_pages_and_those_in_use_are_all_there_are(store: LmdbStore) -> None:
    """What is called free is exactly what no tree reaches: counted, at many points of a life with prunings in it."""
    pruned(store)
    environment = store._environment
    with environment.lmdb.begin() as txn:
        used = 2  # the roots
        for database in (environment.lmdb.open_db(), *_databases(store)):
            stat = txn.stat(database)
            used += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
    with (environment.path / "data.mdb").open("rb") as file:
        pages = PageFile(file.fileno(), environment.lmdb.info()["last_txnid"])
        free = [page for each in pages.free_pages(-1, 1 << 60) for page in each.pages]
        own = _pages_of_free_tree(file.fileno())
    assert len(free) == len(set(free))
    assert used + own + len(free) == pages.root.last_page + 1


def _databases(store: LmdbStore) -> list[Any]:
    found = store._environment
    return [
        found.meta,
        found.blocks,
        found.certificates,
        found.final,
        found.heights,
        found.rows,
        found.transactions,
        found.headers,
        found.nodes,
    ]


def _pages_of_free_tree(descriptor: int) -> int:
    """Branches, leaves and overflows as the newest root counts them."""
    roots = []
    for number in range(2):
        page = os.pread(descriptor, 4_096, number * 4_096)
        counts = [int.from_bytes(page[at : at + 8], "little") for at in (48, 56, 64)]
        roots.append((int.from_bytes(page[144:152], "little"), sum(counts)))
    return max(roots)[1]


def test_what_a_reader_may_still_see_is_left_alone(store: LmdbStore) -> None:
    store.commit(Commit())
    environment = store._environment
    old = environment.lmdb.begin()
    try:
        begun = old.id()
        pruned(store)
        place = BEGIN
        while not (done := store.reclaim(place)).is_done:
            place = done.place
        assert done.place.transaction < begun
        with old.cursor(db=environment.blocks) as cursor:
            assert sum(1 for _ in cursor) == HEIGHT, "the reader sees the whole old state"
    finally:
        old.abort()
    assert give_back(store) > 0


def test_nothing_is_given_back_while_a_commit_is_under_way(store: LmdbStore) -> None:
    pruned(store)
    store.stage(Commit())
    assert store.reclaim() == Reclaimed(BEGIN, 0, is_done=False)
    store.sync()
    assert store.reclaim().bytes > 0


def test_a_slice_ends_in_time_and_the_next_goes_on_where_it_ended(store: LmdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned(store)
    monkeypatch.setattr(the_module, "SLICE_S", -1.0)
    monkeypatch.setattr(the_module, "HOLE_PAGES_MAX", 8)
    holes: list[tuple[int, int]] = []
    monkeypatch.setattr(the_module, "punch_hole", lambda _descriptor, offset, size: holes.append((offset, size)))
    place, slices = BEGIN, 0
    while not (done := store.reclaim(place)).is_done:
        place, slices = done.place, slices + 1
    assert slices == len(holes) > 10, "one hole a slice"
    pages = [page for offset, size in holes for page in range(offset // 4_096, (offset + size) // 4_096)]
    assert len(pages) == len(set(pages))


@pytest.mark.parametrize(("number", "told"), [(errno.EOPNOTSUPP, NoHolesError), (errno.EIO, OSError)])
def test_a_file_system_without_holes_is_told_from_one_that_fails(
    store: LmdbStore, monkeypatch: pytest.MonkeyPatch, number: int, told: type[Exception]
) -> None:
    pruned(store)

    def fail(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(the_module, "_fallocate", lambda: fail)
    with pytest.raises(Exception, match=os.strerror(number)) as error:
        store.reclaim()
    assert isinstance(error.value, told) or number == errno.EIO
    assert store.final_block(HEIGHT) is not None


def test_a_file_of_another_form_is_left_alone(tmp_path: Path, store: LmdbStore) -> None:
    """Any byte of what leads to the free pages changed: refused, or the same pages found, and never others."""
    pruned(store)
    whole = (tmp_path / "chain" / "data.mdb").read_bytes()
    copy = tmp_path / "copy"
    copy.write_bytes(whole)
    with copy.open("r+b") as file:
        newest = store._environment.lmdb.info()["last_txnid"]
        true = _free_in(file.fileno(), newest)
        chance = random.Random(7)
        refused = 0
        for _ in range(300):
            at = chance.randrange(2) * 4_096 + chance.randrange(4_096 if chance.random() < 0.2 else 160)
            os.pwrite(file.fileno(), bytes((whole[at] ^ 1 << chance.randrange(8),)), at)
            try:
                assert _free_in(file.fileno(), newest) <= true
            except UnknownFormError:
                refused += 1
            os.pwrite(file.fileno(), whole[at : at + 1], at)
    assert refused > 20


def _free_in(descriptor: int, newest: int) -> set[int]:
    return {page for each in PageFile(descriptor, newest).free_pages(-1, 1 << 60) for page in each.pages}


def test_readers_of_all_processes_are_read_from_the_table_for_people() -> None:
    table = "    pid     thread     txnid\n   42 7f00aa00 17\n 43 7f00bb00 -\n 44 7f00bb01 9\n"
    assert list(readers_in(table)) == [17, 9]
    assert list(readers_in("(no active readers)\n")) == []


def test_short_runs_are_left_and_long_ones_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(runs([2, 3, 5, 6, 7, 8, 9, 20])) == [(5, 5)]
    assert list(runs([])) == []
    monkeypatch.setattr(the_module, "HOLE_PAGES_MAX", 4)
    assert list(runs(list(range(10, 21)))) == [(10, 4), (14, 4)]
