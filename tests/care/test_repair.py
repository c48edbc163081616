"""A damaged chain is mended from what is sound in it, beside; what was there stays, and what was signed is not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest

from p2pchain.care.repair import Mending, Repaired, kept_aside, remove_aside, repair, start_over
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import DiskFull, ForeignChain, HomeInUse, Marks, StorageError, open_store
from p2pchain.storage.durable import ProcessLock
from p2pchain.storage.layout import META_FORMAT, block_key, certificate_key
from tests.care.homes import HEIGHT, fill, filled, small_chain, verify
from tests.fakes.chain import make_genesis
from tests.storage.observing import change_value

CHAIN = small_chain()
AT = 12
KEY = block_key(AT, CHAIN.steps[AT - 1].stored.block.id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "data")


def _repair(folder: Path, marks: Marks = Marks(1, 1)) -> Repaired:  # noqa: B008  (a frozen value)
    with SignatureWorkers(0) as workers:
        return repair(Mending(folder, CHAIN.genesis, Recoveries(), marks), workers, lambda _doing, _done: None)


def _rot(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _content(folder: Path) -> bytes:
    return (folder / "data.mdb").read_bytes()


def test_the_blocks_below_the_damage_are_kept_and_the_damaged_store_stays_as_it_was(folder: Path) -> None:
    change_value(folder, b"blocks", KEY, _rot)
    before = _content(folder / "chain")
    done = _repair(folder)
    assert done.problem is not None
    assert (done.problem.height, done.kept, done.final) == (AT, AT - 1, HEIGHT)
    assert done.aside is not None
    assert _content(done.aside) == before
    assert kept_aside(folder) == [done.aside]
    found = verify(folder, CHAIN.genesis)
    assert (found.problem, found.final) == (None, AT - 1)
    assert not list(folder.glob("chain.new-*"))


def test_a_mended_store_takes_the_missing_blocks_from_whoever_has_them(folder: Path) -> None:
    change_value(folder, b"blocks", KEY, _rot)
    _repair(folder)
    with open_store(folder, CHAIN.genesis) as store:
        for stored, confirms in CHAIN.steps[AT - 1 : HEIGHT]:
            store.commit(Commit(blocks=[stored], final=[stored.block.id], confirms=[confirms]))
    assert (verify(folder, CHAIN.genesis).problem, verify(folder, CHAIN.genesis).final) == (None, HEIGHT)


@contextmanager
def _writing(folder: Path, database: bytes) -> Iterator[lmdb.Transaction[bytes]]:
    with lmdb.open(str(folder / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(database)) as txn:
        yield txn


def _without_first(folder: Path, database: bytes) -> None:
    with _writing(folder, database) as txn, txn.cursor() as cursor:
        assert cursor.first()
        txn.delete(cursor.key())


def _with_another(folder: Path, database: bytes) -> None:
    with _writing(folder, database) as txn:
        txn.put(b"\x00" * 41, b"\x00" * 8)


@pytest.mark.parametrize(("database", "damage"), [(b"rows", _with_another), (b"transactions", _without_first), (b"heights", _with_another)])
def test_what_follows_from_the_blocks_is_made_anew_without_any_peer(
    folder: Path, database: bytes, damage: Callable[[Path, bytes], None]
) -> None:
    damage(folder, database)
    done = _repair(folder)
    assert done.problem is not None
    assert (done.kept, done.final) == (HEIGHT, HEIGHT)
    found = verify(folder, CHAIN.genesis)
    assert (found.problem, found.final) == (None, HEIGHT)
    assert found.unfinal == 2, "delegates may be locked on unfinal blocks"


def test_without_the_last_proof_the_blocks_that_it_proved_are_kept_unproven(folder: Path) -> None:
    last = CHAIN.steps[HEIGHT - 1].stored.block.id
    change_value(folder, b"certificates", certificate_key(block_key(HEIGHT, last), Kind.CONFIRM), _rot)
    done = _repair(folder)
    assert (done.kept, done.final) == (HEIGHT - 1, HEIGHT)
    assert verify(folder, CHAIN.genesis).problem is None


def test_a_sound_chain_is_left_alone(folder: Path) -> None:
    before = _content(folder / "chain")
    assert _repair(folder) == Repaired(None, HEIGHT, HEIGHT, None)
    assert _content(folder / "chain") == before
    assert not kept_aside(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 8192, b"\xff" * 20_000])
def test_a_store_that_cannot_be_opened_is_set_aside_whole(folder: Path, content: bytes) -> None:
    (folder / "chain" / "data.mdb").write_bytes(content)
    done = _repair(folder)
    assert done.problem is not None
    assert (done.kept, done.final) == (0, 0)
    assert not (folder / "chain").exists()
    assert done.aside is not None
    with open_store(folder, CHAIN.genesis) as store:
        assert store.recovered().root.subject.height == 0


def test_nothing_is_moved_while_a_node_has_the_data(folder: Path) -> None:
    change_value(folder, b"blocks", KEY, _rot)
    lock = ProcessLock(folder / "lock")
    for call in (_repair, start_over):
        with pytest.raises(HomeInUse):
            call(folder)
    lock.release()
    assert not kept_aside(folder)
    assert _repair(folder).kept == AT - 1


def test_nothing_is_moved_that_is_of_another_network_or_a_newer_version(folder: Path) -> None:
    mending = Mending(folder, make_genesis("other"), Recoveries(), Marks())
    with SignatureWorkers(0) as workers, pytest.raises(ForeignChain):
        repair(mending, workers, lambda _doing, _done: None)
    change_value(folder, b"meta", META_FORMAT, lambda _: b"999")
    with pytest.raises(StorageError, match="install the newer version"):
        _repair(folder)
    assert not kept_aside(folder)


def test_a_store_that_this_user_may_not_read_is_not_taken_for_a_damaged_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise lmdb.Error("Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(lmdb, "open", refuse)
        with pytest.raises(StorageError, match="Permission denied"):
            _repair(folder)
    (folder / "chain" / "data.mdb").rename(folder / "away")
    with pytest.raises(StorageError, match="No such file"):
        _repair(folder)
    assert not kept_aside(folder)


def test_without_room_for_a_second_chain_nothing_is_done_and_the_way_out_is_named(folder: Path) -> None:
    change_value(folder, b"blocks", KEY, _rot)
    with pytest.raises(DiskFull, match="--from-scratch"):
        _repair(folder, Marks(1 << 60, 1 << 60))
    assert not kept_aside(folder)
    assert verify(folder, CHAIN.genesis).final == HEIGHT


def test_an_end_between_the_two_renames_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_value(folder, b"blocks", KEY, _rot)
    before = _content(folder / "chain")
    rename = Path.rename

    def end_at_the_second(path: Path, target: Path) -> Path:
        if target == folder / "chain":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", end_at_the_second)
        with pytest.raises(StorageError, match="putting the new store in place failed: Input/output error"):
            _repair(folder)
    (aside,) = kept_aside(folder)
    assert _content(aside) == before
    with open_store(folder, CHAIN.genesis) as store:
        assert store.recovered().root.subject.height == 0, "the node begins to sync"
    assert kept_aside(folder) == [aside]


def test_what_a_killed_repair_left_is_removed_by_the_next_start(folder: Path) -> None:
    (folder / "chain.new-0123abcd" / "chain").mkdir(parents=True)
    with open_store(folder, CHAIN.genesis) as store:
        assert store.recovered().root.subject.height == HEIGHT
    assert not list(folder.glob("chain.new-*"))


def test_from_scratch_keeps_nothing_and_loses_nothing(folder: Path) -> None:
    before = _content(folder / "chain")
    aside = start_over(folder)
    assert _content(aside) == before
    assert not (folder / "chain").exists()
    with pytest.raises(StorageError, match="nothing to repair"):
        start_over(folder)


def test_what_was_set_aside_goes_when_it_is_told_to_and_two_repairs_keep_two(folder: Path) -> None:
    start_over(folder)
    fill(folder, CHAIN, 3)
    start_over(folder)
    first, second = kept_aside(folder)
    remove_aside(first)
    assert kept_aside(folder) == [second]
