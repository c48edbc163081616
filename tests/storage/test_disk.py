"""What only the store on disk can do: be created, locked, refused, grow, fail, be damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import DamagedStore, DiskFull, ForeignChain, HomeInUse, LmdbStore, NewerFormat, StorageError, environment, open_store
from p2pchain.storage.layout import META_FORMAT, block_key
from p2pchain.storage.writer import WriterThread
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import finalise, model_of, observe

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2] * 12)
SMALL_MAP = 1 << 20


def write(folder: Path, database: bytes, key: bytes, change: Callable[[bytes], bytes]) -> None:
    """Change one value behind the store's back."""
    with lmdb.open(str(folder / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(database)) as txn:
        txn.put(key, change(txn.get(key, b"")))


# --- opening


def test_what_an_interrupted_creation_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "chain.new-1234"
    leftover.mkdir()
    (leftover / "data.mdb").write_bytes(b"half")
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == MAKER.root.subject
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chain", "lock"]


def test_a_creation_that_fails_leaves_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise lmdb.DiskError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "_fill", fail)
        with pytest.raises(StorageError, match="creating the store failed"):
            open_store(tmp_path, MAKER.genesis)
    assert not (tmp_path / "chain").exists()
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == MAKER.root.subject


def test_the_name_of_a_new_store_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    monkeypatch.setattr(environment, "sync_folder", lambda path: synced.append((path.name, (tmp_path / "chain").exists())))
    open_store(tmp_path, MAKER.genesis).close()
    assert synced[0][0].startswith("chain.new-")
    assert synced[1:] == [(tmp_path.name, True)]


def test_another_genesis_is_refused_by_both_names(tmp_path: Path) -> None:
    open_store(tmp_path, MAKER.genesis).close()
    other = make_genesis("elsewhere")
    with pytest.raises(ForeignChain) as caught:
        open_store(tmp_path, other)
    assert MAKER.genesis.chain_id.hex() in str(caught.value)
    assert other.chain_id.hex() in str(caught.value)
    open_store(tmp_path, MAKER.genesis).close()


@pytest.mark.parametrize(("found", "error"), [(b"2", NewerFormat), (b"0", StorageError), (b"x", DamagedStore), (b"", DamagedStore)])
def test_another_format_is_refused(tmp_path: Path, found: bytes, error: type[StorageError]) -> None:
    open_store(tmp_path, MAKER.genesis).close()
    write(tmp_path, b"meta", META_FORMAT, lambda _: found)
    with pytest.raises(error):
        open_store(tmp_path, MAKER.genesis)


def test_a_second_store_in_this_process_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis), pytest.raises(HomeInUse, match=str(os.getpid())):
        open_store(tmp_path, MAKER.genesis)


HOLDER = """
import sys
from pathlib import Path
from p2pchain.storage import open_store
from tests.fakes.chain import make_genesis
with open_store(Path(sys.argv[1]), make_genesis()):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(HomeInUse, match=f"process {holder.pid};"):
            open_store(tmp_path, MAKER.genesis)
        holder.kill()
    open_store(tmp_path, MAKER.genesis).close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        open_store(tmp_path / "file" / "data", MAKER.genesis)
    assert "\n" not in str(caught.value)


def test_something_else_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain").mkdir()
    with pytest.raises(DamagedStore):
        open_store(tmp_path, MAKER.genesis)


def test_votes_for_a_final_block_are_not_kept(tmp_path: Path) -> None:
    """The confirms prove it; with 101 delegates the votes would be 10 KB a block."""
    votes, confirms = MAKER.certificate(LINE[0], Kind.VOTE), MAKER.certificate(LINE[0], Kind.CONFIRM)
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(Commit(blocks=[LINE[0].stored], certificates=[votes]))
        store.commit(Commit(final=[LINE[0].made.id], final_certificate=confirms))
        view = store._view
        with view.txn.cursor(db=view.environment.certificates) as cursor:
            assert [value for _, value in cursor] == [confirms.raw]


# --- growing


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


# --- two steps


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


# --- failing


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
        final_certificate=MAKER.certificate(LINE[2], Kind.CONFIRM),
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
        assert 0 <= store.free_fraction() <= 1
        store.commit(finalise(LINE[0]))
        with monkeypatch.context() as patch:
            patch.setattr(LmdbStore, "free_fraction", lambda _: 0.0099)
            with pytest.raises(DiskFull, match=r"1\.0% free"):
                store.commit(finalise(LINE[1]))
        require_dead(store)
    with open_store(tmp_path, MAKER.genesis) as store:
        assert store.recovered().root.subject == LINE[0].subject


# --- damage


def flip(value: bytes, at: int) -> bytes:
    return value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :]


@pytest.mark.parametrize("part", ["header", "rows", "length", "root"])
def test_a_damaged_tail_of_the_log_is_found_when_it_is_opened(tmp_path: Path, part: str) -> None:
    block = LINE[0].made
    some_row = LINE[0].changes.rows[b"G"]
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(finalise(LINE[0]))

    def damage(value: bytes) -> bytes:
        places = {"header": value.index(block.header_raw) + 40, "rows": value.index(some_row) + 30, "length": 2, "root": len(value) - 1}
        return flip(value, places[part])

    write(tmp_path, b"blocks", block_key(1, block.id), damage)
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
    write(tmp_path, b"blocks", block_key(1, block.id), lambda value: flip(value, value.index(block.header_raw) + 40))
    with pytest.raises(DamagedStore, match="another hash than its name"):
        open_store(tmp_path, MAKER.genesis)


def test_a_missing_block_is_found_when_it_is_opened(tmp_path: Path) -> None:
    with open_store(tmp_path, MAKER.genesis) as store:
        store.commit(finalise(LINE[0]))
    with lmdb.open(str(tmp_path / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(b"blocks")) as txn:
        assert txn.delete(block_key(1, LINE[0].made.id))
    with pytest.raises(DamagedStore, match="no block 1"):
        open_store(tmp_path, MAKER.genesis)
