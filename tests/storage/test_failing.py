"""F4, S11: a store that fails stays at its last commit and is dead; what was damaged is found when it is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import DamagedStore, DiskFull, LmdbStore, StorageError, open_store
from p2pchain.storage.layout import block_key
from p2pchain.storage.writer import WriterThread
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import change_value, finalise, observe

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2] * 12)


class DyingTransaction:
    """A write transaction whose disk fails at a call."""

    def __init__(self, txn: Any, count: Callable[[], None]) -> None:
        self._txn, self._count = txn, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._txn, name)
        if name != "abort":
            self._count()
        return found


class DyingWriter(WriterThread):
    """Lets so many calls of LMDB pass, and fails at the next."""

    def __init__(self, store: LmdbStore, calls: int, error: type[Exception]) -> None:
        super().__init__(store._environment)
        self.left, self._error = calls, error

    def begin(self) -> Any:
        self.count()
        return DyingTransaction(super().begin(), self.count)

    def count(self) -> None:
        if self.left == 0:
            raise self._error("injected")
        self.left -= 1


def die_at(store: LmdbStore, calls: int, error: type[Exception]) -> DyingWriter:
    store._writer.close()
    writer = DyingWriter(store, calls, error)
    store._writer = writer
    return writer


@pytest.mark.parametrize("error", [lmdb.DiskError, lmdb.Error, OSError])
def test_a_store_that_fails_at_any_call_stays_at_its_last_commit_and_is_dead(tmp_path: Path, error: type[Exception]) -> None:
    """F4: at call 0, 1, 2 ... until the commit passes."""
    commit = Commit(
        blocks=[LINE[4].stored],
        certificates=[MAKER.certificate(LINE[3], Kind.VOTE)],
        final=[LINE[2].made.id],
        confirms=[MAKER.certificate(LINE[2], Kind.CONFIRM)],
    )
    calls, has_failed = 0, True
    while has_failed:
        folder = tmp_path / str(calls)
        with open_store(folder, MAKER.genesis, flush_blocks=3) as store:
            store.commit(finalise(LINE[0]))
            store.commit(finalise(LINE[1]))
            store.commit(Commit(blocks=[LINE[2].stored, LINE[3].stored]))
            before, view = observe(store, MAKER, LINE), store._view
            writer = die_at(store, calls, error)
            try:
                store.commit(commit)
                has_failed = False
            except StorageError:
                assert store._view is view
                require_dead(store)
            writer.left = -1
        with open_store(folder, MAKER.genesis, flush_blocks=3) as store:
            after = observe(store, MAKER, LINE)
        assert (after == before) is has_failed
        calls += 1
    assert calls > 8


def require_dead(store: LmdbStore) -> None:
    """S11: after a failed sync the next one may falsely succeed."""
    refused: list[Callable[[], object]] = [
        lambda: store.commit(Commit(blocks=[LINE[5].stored])),
        store.sync,
        lambda: store.get(b"G"),
        store.recovered,
        lambda: store.final_block(1),
        lambda: store.final_height(LINE[0].made.id),
        lambda: store.final_range(1, 1, 1),
        lambda: store.final_headers(1, 1, 1),
        lambda: store.transaction(LINE[0].made.transactions[0].id),
    ]
    for call in refused:
        with pytest.raises(StorageError, match="no longer used"):
            call()


def test_a_contradicting_commit_ends_the_store_too(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        with pytest.raises(AssertionError, match="is not stored"):
            store.commit(Commit(final=[LINE[0].made.id]))
        require_dead(store)


def test_nothing_is_written_to_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(finalise(LINE[0]))
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _: volume(size=1_000_000_000, free=9_999_999))
            with pytest.raises(DiskFull, match="has 10 MB free, at least 10 MB wanted"):
                store.commit(finalise(LINE[1]))
        require_dead(store)
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == LINE[0].subject


def volume(*, size: int, free: int) -> os.statvfs_result:
    return os.statvfs_result((1, 1, size, free, free, 0, 0, 0, 0, 255))


def flip(value: bytes, at: int) -> bytes:
    return value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :]


@pytest.mark.parametrize("part", ["header", "rows", "length", "root", "failed"])
def test_a_damaged_tail_of_the_log_is_found_when_it_is_opened(tmp_path: Path, part: str) -> None:
    block = LINE[0].made
    some_row = LINE[0].changes.rows[b"G"]
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(finalise(LINE[0]))

    def damage(value: bytes) -> bytes:
        places = {"header": value.index(block.header_raw) + 40, "rows": value.index(some_row) + 30, "length": 2}
        places |= {"root": len(value) - 2, "failed": len(value) - 1}
        return flip(value, places[part])

    change_value(tmp_path, b"blocks", block_key(1, block.id), damage)
    if part == "root":
        # harmless: the root that counts is the header's
        with open_store(tmp_path, MAKER.genesis) as store:
            assert store.recovered().root.state_root == LINE[0].changes.state_root
        return
    with pytest.raises(DamagedStore) as caught:
        open_store(tmp_path, MAKER.genesis)
    assert "\n" not in str(caught.value)


def test_an_unfinal_block_with_a_damaged_header_is_found(tmp_path: Path) -> None:
    block = LINE[0].made
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(Commit(blocks=[LINE[0].stored]))
    change_value(tmp_path, b"blocks", block_key(1, block.id), lambda value: flip(value, value.index(block.header_raw) + 40))
    with pytest.raises(DamagedStore, match="another hash than its name"):
        open_store(tmp_path, MAKER.genesis)


def test_a_missing_block_is_found_when_it_is_opened(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(finalise(LINE[0]))
    with lmdb.open(str(tmp_path / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(b"blocks")) as txn:
        assert txn.delete(block_key(1, LINE[0].made.id))
    with pytest.raises(DamagedStore, match="no block 1"):
        open_store(tmp_path, MAKER.genesis)
