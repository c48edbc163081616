"""F9: how much room is too little, and that a chain which reaches its bound says so and loses nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from p2pchain.node.room import Room, describe_room, is_short
from p2pchain.storage import DiskFull, Marks, StorageError, open_store, require_room, tightest
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import finalise, model_of, observe

SMALL_MAP = 1 << 20


def test_low_is_five_percent_and_the_end_one_unless_said_otherwise() -> None:
    assert Marks().of("/data", 7, 1_000) == Room("/data", 7, 50, 10)
    assert Marks(300, 200).of("/data", 7, 1_000) == Room("/data", 7, 300, 200)
    assert Marks(5, 0).of("/data", 7, 1_000) == Room("/data", 7, 10, 10)


def test_each_mark_is_the_first_number_that_is_enough() -> None:
    at = [Room("/data", free, 50, 10) for free in (9, 10, 49, 50, 54, 55, 99, 100)]
    assert [room.is_over for room in at] == [True] + [False] * 7
    assert [room.is_low for room in at] == [True] * 3 + [False] * 5
    assert [room.is_back for room in at] == [False] * 5 + [True] * 3
    assert [room.is_filling for room in at] == [True] * 7 + [False]


def test_a_node_around_the_mark_does_not_flap() -> None:
    short, seen = False, []
    for free in (60, 50, 49, 50, 54, 49, 55, 50):
        short = is_short(short, Room("/data", free, 50, 10))
        seen.append(short)
    assert seen == [False, False, True, True, True, True, False, False]


def test_the_words_name_what_is_left_and_what_is_wanted() -> None:
    plenty, filling, low = (Room("/data", free * 10**6, 50 * 10**6, 10 * 10**6) for free in (100, 99, 49))
    assert describe_room(None, short=False) is None
    assert describe_room(plenty, short=False) is None
    assert describe_room(filling, short=False) == (
        "running out of room: 99 MB free in /data; below 50 MB this node makes no blocks, the node ends below 10 MB"
    )
    assert describe_room(low, short=True) == (
        "short of room: 49 MB free in /data, so this node makes no blocks until there are 55 MB; the node ends below 10 MB; make room"
    )


def test_the_tightest_place_is_the_one_that_runs_out_first() -> None:
    large, small = Room("large", 900, 1_000, 10), Room("small", 90, 50, 10)
    assert tightest([small, large]) == large


def test_writing_is_refused_below_the_end() -> None:
    require_room(Room("/data", 10, 50, 10))
    with pytest.raises(DiskFull, match="has 0 MB free, at least 0 MB wanted; make room and start again"):
        require_room(Room("/data", 9, 50, 10))


def test_the_map_grows_before_it_is_full(tmp_path: Path) -> None:
    """No commit of ordinary size ever has to begin again."""
    maker = ChainMaker(make_genesis(accounts=8))
    line = maker.line(maker.root, [100] * 60)
    with open_store(tmp_path, maker.genesis, flush_blocks=5, map_bytes_min=SMALL_MAP) as store:
        for block in line:
            store.commit(finalise(block))
            info = store._environment.lmdb.info()
            assert store._environment.used_bytes < info["map_size"]
        assert info["map_size"] > SMALL_MAP


def test_a_chain_at_its_bound_says_so_before_and_loses_nothing(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis(accounts=8))
    line = maker.line(maker.root, [100] * 60)
    done = 0
    with open_store(tmp_path, maker.genesis, flush_blocks=5, map_bytes_min=SMALL_MAP, bytes_max=SMALL_MAP) as store:
        while not store.room().is_low:
            store.commit(finalise(line[done]))
            done += 1
        for block in line[done:-1]:
            with suppress(DiskFull):
                store.commit(finalise(block))
                done += 1
                continue
            break
        with pytest.raises(StorageError, match=r"storage.bytes_max = 1048576 allows; raise it and start again"):
            store.require_sound()
    assert 0 < done < len(line)
    assert (tmp_path / "chain" / "data.mdb").stat().st_size <= SMALL_MAP
    with open_store(tmp_path, maker.genesis, flush_blocks=5, map_bytes_min=SMALL_MAP, bytes_max=1 << 30) as store:
        assert observe(store, maker, line[:done]) == observe(model_of(maker, line[:done]), maker, line[:done])
        for block in line[done:]:
            store.commit(finalise(block))


def test_a_configured_end_counts_for_every_commit(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis())
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with pytest.raises(DiskFull, match="make room"):
        open_store(tmp_path, maker.genesis, marks=Marks(end_bytes=2 * free))
    assert not (tmp_path / "chain").exists()
    open_store(tmp_path, maker.genesis, marks=Marks(end_bytes=free // 2)).close()
