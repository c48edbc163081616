"""What is sound is found sound, whichever way; each thing that can be wrong is found where it is, and nothing else is blamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from p2pchain.care.verification import Scope
from p2pchain.chain.codec import encode
from p2pchain.chain.votes import Kind
from p2pchain.storage.layout import (
    META_GENESIS_ROOT,
    META_PROGRESS,
    Progress,
    block_key,
    certificate_key,
    decode_record,
    decode_rows,
    encode_progress,
    height_key,
)
from tests.care.homes import HEIGHT, fill, filled, small_chain, verify
from tests.storage.observing import change_value

CHAIN = small_chain()
AT = 12
BLOCK = CHAIN.steps[AT - 1].stored.block
KEY = block_key(AT, BLOCK.id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "data")


def test_a_sound_chain_over_a_change_of_the_delegates_is_sound_to_the_last_row(folder: Path) -> None:
    verdict = verify(folder, CHAIN.genesis)
    assert verdict.problem is None
    assert (verdict.first, verdict.last, verdict.final, verdict.unfinal) == (1, HEIGHT, HEIGHT, 2)
    assert verdict.transactions == sum(len(step.stored.block.transactions) for step in CHAIN.steps[:HEIGHT])
    rows = dict(CHAIN.genesis.changes().rows)
    for step in CHAIN.steps[:HEIGHT]:
        rows.update(step.stored.changes.rows)
    assert verdict.rows == len(rows)


def test_every_signature_is_checked_that_stands_in_a_block_or_beside_it(folder: Path) -> None:
    wanted = 0
    for stored, confirms in CHAIN.steps[:HEIGHT]:
        carried = stored.block.certificate
        wanted += 1 + len(stored.block.transactions) + len(confirms.signatures) + (len(carried.signatures) if carried else 0)
    assert verify(folder, CHAIN.genesis).signatures == wanted


def test_other_processes_find_what_this_one_finds(folder: Path) -> None:
    assert verify(folder, CHAIN.genesis, jobs=2) == verify(folder, CHAIN.genesis)
    change_value(folder, b"blocks", KEY, _transaction_signature)
    found = verify(folder, CHAIN.genesis, jobs=2)
    assert found == verify(folder, CHAIN.genesis)
    assert found.problem is not None
    assert (found.problem.place, found.problem.height, found.last) == ("signature", AT, AT - 1)


@pytest.mark.parametrize("scope", [Scope(quick=True), Scope(AT), Scope(AT, AT + 3), Scope(1, AT), Scope(HEIGHT), Scope(HEIGHT + 1)])
def test_a_part_of_it_is_sound_too(folder: Path, scope: Scope) -> None:
    verdict = verify(folder, CHAIN.genesis, scope)
    assert verdict.problem is None
    assert verdict.last == (scope.to_height or HEIGHT)
    assert (verdict.rows is None) == (scope.to_height is not None)


def test_a_node_that_stopped_at_any_height_leaves_what_is_sound(tmp_path: Path) -> None:
    for height in range(13):
        fill(tmp_path / str(height), CHAIN, height, 1)
        verdict = verify(tmp_path / str(height), CHAIN.genesis)
        assert (verdict.problem, verdict.last) == (None, height)


def test_a_higher_place_is_not_blamed_for_a_lower_one(folder: Path) -> None:
    for height in (20, 16, AT):
        step = CHAIN.steps[height - 1]
        change_value(folder, b"certificates", certificate_key(block_key(height, step.stored.block.id), Kind.CONFIRM), _last_byte)
    problem = verify(folder, CHAIN.genesis).problem
    assert problem is not None
    assert (problem.place, problem.height) == ("certificate", AT)


def test_what_lies_above_the_end_of_the_range_is_not_looked_at(folder: Path) -> None:
    change_value(folder, b"blocks", KEY, _transaction_signature)
    assert verify(folder, CHAIN.genesis, Scope(1, AT - 1)).problem is None
    assert verify(folder, CHAIN.genesis, Scope(1, AT)).problem is not None
    assert verify(folder, CHAIN.genesis, Scope(AT + 1)).problem is None, "below its beginning links and roots alone are followed"


def _last_byte(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _transaction_signature(value: bytes) -> bytes:
    """A bit of the last transaction's signature, which no hash covers."""
    raw = decode_record(value, KEY).raw
    return value.replace(raw, _last_byte(raw))


def _header(value: bytes) -> bytes:
    """The last byte of the header: its commitment."""
    return value.replace(BLOCK.header_raw, _last_byte(BLOCK.header_raw))


def _other_rows(value: bytes) -> bytes:
    raw, rows, root, failed = decode_record(value, KEY)
    changed = {key: data + b"\x00" for key, data in decode_rows(rows, KEY).items()}
    return encode((raw, encode(changed), root, tuple(failed)))


def _failed(value: bytes) -> bytes:
    raw, rows, root, _ = decode_record(value, KEY)
    return encode((raw, rows, root, ((0, "bad_evidence"),)))


def _other_root(value: bytes) -> bytes:
    raw, rows, root, failed = decode_record(value, KEY)
    return encode((raw, rows, _last_byte(root), tuple(failed)))


def _not_canonical(value: bytes) -> bytes:
    """The same record, its failures as a longer array."""
    assert value[-1:] == b"\x90"
    return value[:-1] + b"\xdc\x00\x00"


def _gone(_value: bytes) -> bytes:
    return b""


CONFIRM = certificate_key(KEY, Kind.CONFIRM)
DAMAGE = {
    "the block's record": (b"blocks", KEY, _last_byte, "block", AT),
    "the block's header": (b"blocks", KEY, _header, "block", AT),
    "nothing stored": (b"blocks", KEY, _gone, "block", AT),
    "a transaction's signature": (b"blocks", KEY, _transaction_signature, "signature", AT),
    "the log's rows": (b"blocks", KEY, _other_rows, "state", AT),
    "the log's failures": (b"blocks", KEY, _failed, "state", AT),
    "the log's root": (b"blocks", KEY, _other_root, "state", AT),
    "the log's form": (b"blocks", KEY, _not_canonical, "state", AT),
    "a confirm": (b"certificates", CONFIRM, _last_byte, "certificate", AT),
    "confirms of another block": (
        b"certificates",
        CONFIRM,
        lambda _: CHAIN.steps[AT].confirms.raw,
        "certificate",
        AT,
    ),
    "another block's name": (b"final", height_key(AT), lambda _: CHAIN.steps[AT].stored.block.id, "block", AT),
    "a wrong way back": (b"heights", BLOCK.id, lambda _: height_key(AT + 1), "store", AT),
    "a way back cut short": (b"heights", BLOCK.id, lambda value: value[:-1], "store", AT),
    "the genesis' root": (b"meta", META_GENESIS_ROOT, _last_byte, "genesis", None),
    "the genesis' name": (b"final", height_key(0), _last_byte, "genesis", None),
    "rows that are said to be there": (b"meta", META_PROGRESS, lambda _: encode_progress(Progress(HEIGHT)), "index", 21),
    "flushed beyond the end": (b"meta", META_PROGRESS, lambda _: encode_progress(Progress(HEIGHT + 1)), "index", 21),
}


WORDS = {
    "the block's header": "its hash is",
    "nothing stored": "nothing is stored",
    "a transaction's signature": "a transaction in it is not signed",
    "the log's rows": "changes are not those",
    "the log's failures": "other failed transactions",
    "the log's root": "the log says root",
    "confirms of another block": "its own confirms wanted",
    "a wrong way back": f"its id leads to height {AT + 1}",
    "a way back cut short": "its id leads to nothing",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_each_part_is_found_where_it_is_damaged(folder: Path, name: str) -> None:
    database, key, change, place, height = DAMAGE[name]
    change_value(folder, database, key, change)
    verdict = verify(folder, CHAIN.genesis)
    assert verdict.problem is not None
    assert (verdict.problem.place, verdict.problem.height) == (place, height), str(verdict.problem)
    assert verdict.problem.todo
    if height == AT:
        assert verdict.last == AT - 1
    assert WORDS.get(name, "") in str(verdict.problem)


QUICK = ["the block's header", "the log's rows", "the log's root", "another block's name", "a wrong way back", "the genesis' root"]


@pytest.mark.parametrize("name", QUICK)
def test_the_quick_check_finds_broken_links_and_roots(folder: Path, name: str) -> None:
    database, key, change, place, height = DAMAGE[name]
    change_value(folder, database, key, change)
    problem = verify(folder, CHAIN.genesis, Scope(quick=True)).problem
    assert problem is not None
    assert (problem.place, problem.height) == (place, height)


def _write(folder: Path, database: bytes, change: Callable[[lmdb.Transaction[bytes]], object]) -> None:
    with lmdb.open(str(folder / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(database)) as txn:
        change(txn)


def test_a_row_that_is_missing_another_or_too_many_is_found(folder: Path) -> None:
    tail = {key for step in CHAIN.steps[10:HEIGHT] for key in step.stored.changes.rows}
    key = next(key for key in CHAIN.genesis.changes().rows if key not in tail)  # what the log's tail writes is read from there
    for change, words in (
        (lambda txn: txn.delete(key), "is missing"),
        (lambda txn: txn.put(key, b"\x93\x00\x00\x00"), "by the blocks"),
        (lambda txn: txn.put(b"\x00 row", b"\x90"), "comes from no block"),
    ):
        _write(folder, b"rows", change)
        problem = verify(folder, CHAIN.genesis).problem
        assert problem is not None
        assert problem.place == "rows"
        assert words in str(problem)


@pytest.mark.parametrize(
    ("database", "key"),
    [
        (b"certificates", certificate_key(block_key(AT, CHAIN.steps[-1].stored.block.id), Kind.CONFIRM)),
        (b"certificates", certificate_key(KEY, Kind.VOTE)),
        (b"blocks", block_key(AT, CHAIN.steps[-1].stored.block.id)),
        (b"heights", CHAIN.steps[-1].stored.block.id),
    ],
)
def test_an_entry_that_belongs_to_nothing_is_found(folder: Path, database: bytes, key: bytes) -> None:
    _write(folder, database, lambda txn: txn.put(key, height_key(1)))
    problem = verify(folder, CHAIN.genesis).problem
    assert problem is not None
    assert problem.place == "store"


def test_a_transaction_that_the_index_does_not_know_is_found(folder: Path) -> None:
    def forget_one(txn: lmdb.Transaction[bytes]) -> None:
        with txn.cursor() as cursor:
            assert cursor.first()
            txn.delete(cursor.key())

    _write(folder, b"transactions", forget_one)
    problem = verify(folder, CHAIN.genesis).problem
    assert problem is not None
    assert problem.place == "index"


def test_a_final_block_without_confirms_is_proven_by_those_above_and_the_last_one_is_not(folder: Path) -> None:
    _write(folder, b"certificates", lambda txn: txn.delete(CONFIRM))
    assert verify(folder, CHAIN.genesis).problem is None
    last = CHAIN.steps[HEIGHT - 1].stored.block.id
    _write(folder, b"certificates", lambda txn: txn.delete(certificate_key(block_key(HEIGHT, last), Kind.CONFIRM)))
    verdict = verify(folder, CHAIN.genesis)
    assert verdict.problem is not None
    assert (verdict.problem.place, verdict.problem.height, verdict.last) == ("certificate", HEIGHT, HEIGHT - 1)
    assert verify(folder, CHAIN.genesis, Scope(quick=True)).problem is None


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [(_transaction_signature, "block", "not what its producer and senders signed"), (_other_rows, "state", "changes are not those")],
)
def test_an_unfinal_block_is_checked_as_it_is_restored(folder: Path, change: Callable[[bytes], bytes], place: str, words: str) -> None:
    key = block_key(HEIGHT + 1, CHAIN.steps[HEIGHT].stored.block.id)
    change_value(folder, b"blocks", key, change)
    problem = verify(folder, CHAIN.genesis).problem
    assert problem is not None
    assert (problem.place, problem.height) == (place, HEIGHT + 1)
    assert words in str(problem)


def test_a_state_that_does_not_fit_into_memory_is_built_on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = verify(folder, CHAIN.genesis)
    monkeypatch.setattr("p2pchain.care.state.ROWS_MAX", 3)
    assert verify(folder, CHAIN.genesis) == wanted
    assert verify(folder, CHAIN.genesis, Scope(quick=True)).problem is None
    _write(folder, b"rows", lambda txn: txn.put(b"\x00 row", b"\x90"))
    assert verify(folder, CHAIN.genesis).problem is not None
