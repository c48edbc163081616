"""What fuzzing has found, each as a test of its own: what came in, and what must come of it."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import msgpack
import pytest

from p2pchain.chain.address import decode_address
from p2pchain.chain.block import decode_header
from p2pchain.chain.codec import encode
from p2pchain.chain.errors import Invalid, shown
from p2pchain.chain.recovery_draft import draft
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import ChainId
from p2pchain.cli.evidence import read_evidence
from p2pchain.cli.failures import Failure
from p2pchain.cli.recovery_report import read_report
from p2pchain.client.errors import NodeError
from p2pchain.client.genesis_json import decode_genesis, decode_params
from p2pchain.config.problems import Problem
from p2pchain.config.toml import KEY_PARTS_MAX, TomlError, loads_toml
from p2pchain.genesis_file import GenesisFileError, RecoveryFileError, loads_bundle, loads_recovery
from p2pchain.keystore.errors import KeyFileError
from p2pchain.keystore.key_file import decode_key_file
from p2pchain.net.book.encoding import MAGIC, decode_book
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import decode_progress, decode_record, decode_rows, header_of
from p2pchain.wire.messages import CompactBlock
from tests.fuzz.claims import REASON_LETTERS_MAX
from tests.fuzz.registry import find
from tests.fuzz.targets.documents import PATH
from tests.vectors.peers import peer_record
from tests.vectors.world import CHAIN_ID, SPEC

LONG = b"\x00" * 400
KEY = bytes(40)


# --- a refusal is one short printable line, whatever a stranger has sent


@pytest.mark.parametrize("version", [LONG, "x" * 400, (1,) * 100, None, "\n\x1b[31m"])
def test_a_refused_version_is_shown_in_short(version: object) -> None:
    with pytest.raises(Invalid) as header:
        decode_header(encode((version, *range(9))))
    with pytest.raises(Invalid) as transaction:
        decode_transaction(encode((encode((version, *range(6))), bytes(64))), SPEC)
    for refusal in (header.value, transaction.value):
        assert len(str(refusal)) <= REASON_LETTERS_MAX
        assert str(refusal).isprintable()


def test_a_refused_kind_of_action_is_shown_in_short() -> None:
    body = encode((1, SPEC.chain_tag, bytes(32), 0, 0, 0, ((LONG * 10,),)))
    with pytest.raises(Invalid) as refusal:
        decode_transaction(encode((body, bytes(64))), SPEC)
    assert len(str(refusal.value)) <= REASON_LETTERS_MAX


@pytest.mark.parametrize("text", ["\x1b[31mred", "p2p\x001qqqqqq", "\n", "p2p1" + "\x07" * 20])
def test_a_refused_address_shows_no_control_characters(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        decode_address("p2p", text)
    assert str(refusal.value).isprintable()


def test_what_is_shown_is_short_and_printable_also_of_numbers_that_have_no_decimal_text() -> None:
    for value in (1 << 20_000, -(1 << 20_000), "x" * 500, b"\xff" * 500, "\x00\n", [[1] * 100] * 100, {"a": 1 << 20_000}):
        assert len(shown(value)) <= 104
        assert shown(value).isprintable()
    assert shown("text") == "'text'"
    assert shown(7) == "7"


# --- files


HUGE_NUMBERS = [b"9" * 5_000, b"0x" + b"f" * 5_000]


@pytest.mark.parametrize("number", HUGE_NUMBERS, ids=["decimal", "hex"])
@pytest.mark.parametrize(
    "before", ["a = ", "[chain]\ntime = ", "[params]\nslot_ms = ", "[recovery]\nbase_slot = ", "[[accounts]]\nbalance = "]
)
def test_a_number_too_long_for_python_is_a_problem_of_the_file(before: str, number: bytes) -> None:
    text = before + number.decode()
    with pytest.raises(GenesisFileError):
        loads_bundle(text, "net.toml")
    with pytest.raises(RecoveryFileError):
        loads_recovery(text, "recovery.toml")


LONG_KEYS = (
    "a." * 2_000 + "a = 1",
    "[" + "a . " * 2_000 + "a]",
    "x = {" + '"a\\"b".' * 2_000 + "a = 1}",
    "x = [{" + "'.'." * 2_000 + "a = 1}]",
)


@pytest.mark.parametrize("text", LONG_KEYS, ids=["key", "header", "inline", "within a list"])
def test_a_key_of_thousands_of_parts_costs_no_megabytes(text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TomlError, match=f"a key of more than {KEY_PARTS_MAX} parts"):
            loads_toml(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_long_names_of_hosts_and_keys_of_a_few_parts_are_read() -> None:
    host = ".".join(["label"] * 40) + ":1"
    assert loads_toml(f'[network]\nseeds = ["{host}", "{host}",\n"{host}"]\n"a".b.\'c\' = 1')["network"]["seeds"] == [host] * 3


def test_an_unknown_key_that_holds_control_characters_is_shown_without_them() -> None:
    with pytest.raises(GenesisFileError) as refused:
        loads_bundle('"\\u001b[31m\\n" = 1\n[chain]\n"\\u0007" = 2', "net.toml")
    problems: list[Problem] = list(refused.value.problems)
    assert all(str(problem).isprintable() for problem in problems)


def test_a_key_file_with_a_strange_version_is_refused_in_short() -> None:
    for field in (9**4_000, "x" * 3_900):
        with pytest.raises(KeyFileError) as refusal:
            decode_key_file(PATH, json.dumps({"version": field}).encode())
        assert len(str(refusal.value)) <= REASON_LETTERS_MAX


@pytest.mark.parametrize("rows", [[], [1], b"rows", 7, None, {b"key": 1}, {1: b"data"}])
def test_rows_that_are_no_rows_are_a_damaged_store(rows: object) -> None:
    with pytest.raises(DamagedStore):
        decode_rows(msgpack.packb(rows), KEY)


@pytest.mark.parametrize("record", [[1, b"", bytes(32), []], [b"", None, bytes(32), []], [b"", b"", 1, []], [b"", b"", bytes(32), [1]], {}])
def test_a_record_whose_parts_are_of_other_types_is_a_damaged_store(record: object) -> None:
    with pytest.raises(DamagedStore):
        decode_record(msgpack.packb(record), KEY)


@pytest.mark.parametrize("raw", [{}, {1: 2}, [1], [], None, "text"])
def test_a_stored_block_without_a_header_is_a_damaged_store(raw: object) -> None:
    with pytest.raises(DamagedStore):
        header_of(msgpack.packb(raw), KEY)


@pytest.mark.parametrize("progress", [["a", 0, 0], [1.5], [None], [-1], [1, 2, b"x"], {1: 2}])
def test_a_progress_that_is_no_number_is_a_damaged_store(progress: object) -> None:
    with pytest.raises(DamagedStore):
        decode_progress(msgpack.packb(progress))


# --- answers of a node


@pytest.mark.parametrize("value", [float("inf"), float("nan"), None, [], {}, "x", "\x1b"])
def test_parameters_that_are_no_numbers_are_a_node_error(value: object) -> None:
    with pytest.raises(NodeError) as refusal:
        decode_params({"slot_ms": value})
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("prefix", [None, 1, [], "\x00\x1b", "x" * 5_000])
@pytest.mark.parametrize(
    "accounts", [[1], [{"address": 1, "balance": "1"}], {"a": 1}, None, [{"address": "p2p1", "balance": float("inf")}]]
)
def test_an_answer_that_is_no_genesis_is_a_node_error(prefix: object, accounts: object) -> None:
    with pytest.raises(NodeError) as refusal:
        decode_genesis({"address_prefix": prefix, "accounts": accounts, "delegates": [], "params": {}, "chain_id": "\x07" * 900})
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) <= REASON_LETTERS_MAX


def test_a_seed_that_is_no_endpoint_is_shown_in_short() -> None:
    with pytest.raises(GenesisFileError) as refused:
        loads_bundle(f'[network]\nseeds = ["{"x" * 50_000}"]', "net.toml")
    assert max(len(str(problem)) for problem in refused.value.problems) <= 1_000


# --- reports of other operators


def report(**changes: object) -> bytes:
    """A report from which a draft follows, but for what is changed."""
    value = json.loads(find("recovery-report").seeds()[1])
    return json.dumps({**value, **changes}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"slot": float("inf")},
        {"slot": -1},
        {"signed_slot": 2**63},
        {"chain_id": "07"},
        {"final": {"slot": 1, "height": 1, "hash": "ff"}},
        {"sets": [{"from_height": 1, "members": [{"address": "x", "consensus_key": "", "stake": "1"}]}]},
        {"sets": 7},
    ],
)
def test_a_report_with_numbers_or_keys_that_are_none_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Failure, match="is no report of"):
        read_report(report(**changes), PATH)


def test_a_report_nested_too_deep_is_refused() -> None:
    with pytest.raises(Failure, match="is no report of"):
        read_report(b"[" * 100_000, PATH)
    with pytest.raises(Failure, match="cannot be read as JSON"):
        read_evidence(b"[" * 100_000, PATH)


@pytest.mark.parametrize("sets", [[], [{"from_height": 1, "members": []}]])
def test_nothing_is_drafted_from_a_report_without_an_active_set(sets: object) -> None:
    with pytest.raises(Invalid, match="names no active set"):
        draft([read_report(report(sets=sets), PATH)[0]], {bytes(32)})


def test_a_compact_block_with_more_places_than_transactions_says_what_was_wanted() -> None:
    with pytest.raises(Invalid, match="has 0 transactions along, 1 wanted"):
        CompactBlock.decode(encode((b"", b"", b"", bytes(6), bytes(2), ())))


# --- the address book


@pytest.mark.parametrize("source", ["", "seed.example.org", "1.2.3", "192.0.2.1 "])
def test_a_book_whose_entry_was_told_by_no_address_is_refused(source: str) -> None:
    content = encode((bytes(32), CHAIN_ID, encode(((),)), (encode((peer_record("node-1", ["192.0.2.1"]).raw, source, False, 0, 0, 0, 0)),)))
    with pytest.raises(Invalid, match="an address is wanted"):
        decode_book(MAGIC + hashlib.sha256(content).digest() + content, ChainId(CHAIN_ID))
