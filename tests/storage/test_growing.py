"""Commits in two steps, under a growing map, beside a reader: nobody sees half of one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from p2pchain.storage import LmdbStore, open_store
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import finalise, model_of, observe

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2] * 12)
SMALL_MAP = 1 << 20


def test_the_map_grows_under_commits_and_nothing_is_lost(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis(accounts=8))
    line = maker.line(maker.root, [150] * 40)
    with open_store(tmp_path, maker.genesis, flush_blocks=5, map_bytes_min=SMALL_MAP) as store:
        for block in line:
            store.commit(finalise(block))
        assert store._environment.lmdb.info()["map_size"] > SMALL_MAP
        wanted = observe(model_of(maker, line), maker, line)
        assert observe(store, maker, line) == wanted
    with open_store(tmp_path, maker.genesis, flush_blocks=5, map_bytes_min=SMALL_MAP) as store:
        assert store._environment.lmdb.info()["map_size"] >= 2 * (tmp_path / "chain" / "data.mdb").stat().st_size
        assert observe(store, maker, line) == wanted


def test_a_genesis_larger_than_the_map_is_stored(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis(accounts=20_000))
    with open_store(tmp_path, maker.genesis, map_bytes_min=SMALL_MAP) as store:
        assert {key: store.get(key) for key in maker.root.rows} == maker.root.rows


def test_reads_in_another_thread_see_only_whole_commits(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis(accounts=8))
    line = maker.line(maker.root, [60] * 40)
    issued = {block.view.get(b"G"): block.subject.height for block in (maker.root, *line)}
    seen: list[int] = []
    done = threading.Event()
    with open_store(tmp_path, maker.genesis, flush_blocks=3, map_bytes_min=SMALL_MAP) as store:

        def read() -> None:
            while not done.is_set():
                seen.append(issued[store.get(b"G")])
                assert store.get(b"A" + bytes(32)) is None
                for place in range(8):
                    assert store.get(b"A" + maker.genesis.accounts[place].account) is not None
                height = store.recovered().root.subject.height
                block = store.final_block(height)
                assert height == 0 or (block is not None and block.raw == line[height - 1].made.raw)

        reader = threading.Thread(target=read)
        reader.start()
        for block in line:
            store.commit(finalise(block))
        done.set()
        reader.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


class OvertakenLock:
    """Whoever waits for it finds that a commit, and a larger map, came first."""

    def __init__(self, store: LmdbStore) -> None:
        self._store, self.times = store, 0

    def __enter__(self) -> None:
        self.times += 1
        if self.times == 1:
            self._store._view.txn.abort()
            self._store._environment.grow()
            self._store._view = self._store._new_view(self._store._view.memory)

    def __exit__(self, *_: object) -> None: ...


def test_a_read_that_was_overtaken_begins_again(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        lock = OvertakenLock(store)
        store._reading = lock  # type: ignore[assignment]
        key = b"A" + MAKER.genesis.accounts[0].account
        assert store.get(key) == MAKER.root.rows[key]
        assert lock.times == 2


def test_a_staged_commit_is_not_seen_before_it_is_synced(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis, flush_blocks=1) as store:
        before = observe(store, MAKER, LINE)
        store.stage(finalise(LINE[0]))
        assert observe(store, MAKER, LINE) == before
        worker = threading.Thread(target=store.sync)
        worker.start()
        worker.join()
        assert observe(store, MAKER, LINE) == observe(model_of(MAKER, LINE[:1]), MAKER, LINE)


def test_what_was_staged_and_never_synced_never_was(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        before = observe(store, MAKER, LINE)
        store.stage(finalise(LINE[0]))
    with open_store(tmp_path, MAKER.genesis) as store:
        assert observe(store, MAKER, LINE) == before


def test_a_second_commit_waits_for_the_first(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        store.stage(finalise(LINE[0]))
        with pytest.raises(AssertionError, match="one commit at a time"):
            store.stage(finalise(LINE[1]))
