"""Exports say what the chain says, in promised columns; a file of blocks makes the same chain, and a bad one nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pchain.care.exporting import Exported, ExportError, Format, Heights, Table, Target, export
from p2pchain.care.importing import Imported, ImportRefusedError, import_blocks
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import encode_address
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.state import ACCOUNTS, STAKES, Changes
from p2pchain.chain.types import ZERO_HASH
from p2pchain.storage import HomeInUse
from p2pchain.storage.durable import ProcessLock
from p2pchain.storage.inspection import inspect
from tests.care.homes import HEIGHT, fill, filled, small_chain, verify
from tests.fakes.chain import make_genesis

CHAIN = small_chain()
ALL = Heights(1, HEIGHT)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("source") / "data")


def _export(source: Path, out: Path, table: Table = Table.BLOCKS, heights: Heights = ALL, form: Format = Format.JSONL) -> Exported:
    with inspect(source, CHAIN.genesis) as inspection:
        return export(inspection, CHAIN.genesis, table, heights, Target(out, form), lambda _doing, _done: None)


def _import(file: Path, folder: Path, genesis: Genesis = CHAIN.genesis) -> Imported:
    with SignatureWorkers(0) as workers:
        return import_blocks(file, folder, genesis, Recoveries(), workers, lambda _doing, _done: None)


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# --- export


def test_blocks_are_written_with_their_bytes_and_proofs_below_a_line_that_says_what_must_be_there(source: Path, tmp_path: Path) -> None:
    done = _export(source, tmp_path / "blocks", heights=Heights(3, 7))
    head, *rows = _rows(tmp_path / "blocks")
    assert head == {
        "p2pchain": "blocks",
        "format": 1,
        "network": "world",
        "chain_id": CHAIN.genesis.chain_id.hex(),
        "from": 3,
        "to": 7,
    }
    assert done == Exported(5, (tmp_path / "blocks").stat().st_size, 3, 7)
    for row, (stored, confirms) in zip(rows, CHAIN.steps[2:7], strict=True):
        header = stored.block.header
        assert (row["height"], row["slot"], row["hash"]) == (header.height, header.slot, stored.block.id.hex())
        assert row["time_ms"] == CHAIN.genesis.spec().slot_start_ms(header.slot)
        assert (bytes.fromhex(row["raw"]), bytes.fromhex(row["certificate"])) == (stored.block.raw, confirms.raw)
        assert list(row) == ["height", "slot", "time_ms", "hash", "parent", "producer", "state_root", "transactions", "raw", "certificate"]


def test_each_transfer_is_a_row_and_amounts_are_text(source: Path, tmp_path: Path) -> None:
    _export(source, tmp_path / "transfers", Table.TRANSFERS)
    rows = _rows(tmp_path / "transfers")
    wanted = []
    for stored, _ in CHAIN.steps[:HEIGHT]:
        for position, item in enumerate(stored.block.transactions):
            for number, action in enumerate(item.actions):
                if isinstance(action, Transfer):
                    names = [encode_address("p2p", account) for account in (item.sender, action.recipient)]  # type: ignore[arg-type]
                    wanted.append([stored.block.header.height, item.id.hex(), position, number, *names, str(action.amount)])
    shown = ["height", "transaction", "position", "action", "sender", "recipient", "amount"]
    assert [[row[name] for name in shown] for row in rows] == wanted
    assert len(wanted) > 60


def test_every_account_is_a_row_as_of_the_last_final_block_and_all_coins_are_in_them(source: Path, tmp_path: Path) -> None:
    _export(source, tmp_path / "accounts", Table.ACCOUNTS)
    rows = {row["address"]: row for row in _rows(tmp_path / "accounts")}
    state = dict(CHAIN.genesis.changes().rows)
    for step in CHAIN.steps[:HEIGHT]:
        state.update(step.stored.changes.rows)
    accounts = {key[1:]: ACCOUNTS.decode(value) for key, value in state.items() if key.startswith(ACCOUNTS.prefix)}
    assert len(rows) == len(accounts)
    view = Changes(state, ZERO_HASH)
    for item, account in accounts.items():
        row = rows[encode_address("p2p", item)]  # type: ignore[arg-type]
        stakes = STAKES.load(view, item)
        staked = sum(position.amount for position in stakes.positions) if stakes else 0
        assert (row["balance"], row["nonce"], row["staked"]) == (str(account.balance), account.nonce, str(staked))
        assert row["height"] == HEIGHT


def test_a_file_appears_whole_or_not_at_all(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "blocks"
    with pytest.raises(ExportError, match="this home has blocks 1 to 24"):
        _export(source, out, heights=Heights(1, HEIGHT + 1))
    with pytest.raises(ExportError, match="No such file"):
        _export(source, tmp_path / "nowhere" / "blocks")
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(ExportError, match="No space left"):
        _export(source, out)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    out.write_text("mine")
    with pytest.raises(ExportError, match="exists and stays"):
        _export(source, out)
    assert out.read_text() == "mine"


def _full(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_parquet_without_pyarrow_says_what_to_install(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"pip install 'p2pchain\[parquet\]'"):
        _export(source, tmp_path / "out", form=Format.PARQUET)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("table", list(Table))
def test_parquet_holds_what_json_lines_hold(source: Path, tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra that no other test needs: pip install 'p2pchain[parquet]'")
    monkeypatch.setattr("p2pchain.care.parquet.GROUP_ROWS", 7)
    _export(source, tmp_path / "a", table)
    done = _export(source, tmp_path / "b", table, form=Format.PARQUET)
    found = parquet.read_table(tmp_path / "b")
    rows = [row for row in _rows(tmp_path / "a") if "p2pchain" not in row]
    assert found.num_rows == done.rows == len(rows)
    for ours, theirs in zip(rows, found.to_pylist(), strict=True):
        assert ours == {
            name: value.hex() if isinstance(value, bytes) else value if type(value) in {int, str} else str(value)
            for name, value in theirs.items()
        }
    if table is Table.BLOCKS:
        assert found.schema.metadata[b"p2pchain.chain_id"].decode() == CHAIN.genesis.chain_id.hex()


# --- import


@pytest.fixture(scope="module")
def blocks(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("blocks") / "blocks.jsonl"
    _export(source, file)
    return file


def test_a_file_of_blocks_makes_the_same_chain(blocks: Path, tmp_path: Path) -> None:
    assert _import(blocks, tmp_path) == Imported(0, HEIGHT, None)
    found = verify(tmp_path, CHAIN.genesis)
    assert (found.problem, found.final) == (None, HEIGHT)
    _export(tmp_path, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == blocks.read_bytes()


def test_a_home_that_has_the_beginning_goes_on_from_there(source: Path, blocks: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.jsonl"
    _export(source, later, heights=Heights(7, HEIGHT))
    for file, had in ((blocks, 10), (later, 6), (later, 9)):
        folder = tmp_path / f"{file.name}-{had}"
        fill(folder, CHAIN, had, 1)
        done = _import(file, folder)
        assert (done.before, done.final) == (had, HEIGHT)
        assert done.aside is not None, "what was there stays"
        assert (verify(folder, CHAIN.genesis).problem, verify(folder, CHAIN.genesis).final) == (None, HEIGHT)


def _line(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[number - 1] = change(lines[number - 1])
        return "".join(lines)

    return changed


def _field(number: int, name: str, change: Callable[[Any], Any]) -> Callable[[str], str]:
    def changed(line: str) -> str:
        content = json.loads(line)
        return json.dumps({**content, name: change(content[name])}) + "\n"

    return _line(number, changed)


def _hex_bit(text: str) -> str:
    return text[:-1] + f"{int(text[-1], 16) ^ 1:x}"


def _header_bit(text: str) -> str:
    return text[:40] + f"{int(text[40], 16) ^ 1:x}" + text[41:]


BAD: dict[str, tuple[Callable[[str], str], int, str]] = {
    "cut within a line": (lambda text: text[:-100], 25, "cut short"),
    "cut after a line": (lambda text: "".join(text.splitlines(keepends=True)[:20]), 21, "cut short"),
    "without its head": (lambda text: "".join(text.splitlines(keepends=True)[1:]), 1, "no file of"),
    "empty": (lambda _: "", 1, "cut short"),
    "no JSON": (_line(9, lambda _: "{]\n"), 9, "no JSON"),
    "no object": (_line(9, lambda _: "[1]\n"), 9, "no object"),
    "of another chain": (_field(1, "chain_id", _hex_bit), 1, "another chain"),
    "of a later format": (_field(1, "format", lambda _: 2), 1, "`format` is 2, 1 wanted"),
    "a head that says more": (_field(1, "to", lambda to: to + 1), 26, "cut short"),
    "a head that says less": (_field(1, "to", lambda to: to - 1), 25, "there is more"),
    "a head without heights": (_field(1, "from", lambda _: "1"), 1, "a height wanted"),
    "a height altered": (_field(5, "height", lambda height: height + 1), 5, "`height`"),
    "an amount of transactions altered": (_field(5, "transactions", lambda _: 9), 5, "`transactions`"),
    "a header altered": (_field(5, "raw", _header_bit), 5, ""),
    "a signature altered": (_field(5, "raw", _hex_bit), 5, "not signed by its sender"),
    "a proof altered": (_field(5, "certificate", _hex_bit), 5, "is not its signature"),
    "a proof of another block": (_field(5, "certificate", lambda _: CHAIN.steps[10].confirms.raw.hex()), 5, "its own confirms wanted"),
    "the last proof missing": (_field(25, "certificate", lambda _: ""), 25, "no certificate"),
    "two lines in the wrong order": (
        lambda text: "".join([*text.splitlines(keepends=True)[:5], *reversed(text.splitlines(keepends=True)[5:])]),
        6,
        "block 24, 5 wanted",
    ),
    "not hex": (_field(5, "raw", lambda _: "xy"), 5, "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("had", [0, 3])
def test_a_bad_file_is_refused_with_its_line_and_the_home_is_as_it_was(blocks: Path, tmp_path: Path, name: str, had: int) -> None:
    change, line, words = BAD[name]
    file, folder = tmp_path / "bad.jsonl", tmp_path / "data"
    file.write_text(change(blocks.read_text()))
    folder.mkdir()
    if had:
        fill(folder, CHAIN, had)
    before = {path.name: path.read_bytes() for path in folder.rglob("data.mdb")}
    with pytest.raises(ImportRefusedError) as refused:
        _import(file, folder)
    assert f"line {line}: " in str(refused.value), refused.value
    assert words in str(refused.value)
    assert "the home is as it was" in str(refused.value)
    assert {path.name: path.read_bytes() for path in folder.rglob("data.mdb")} == before
    assert not list(folder.glob("chain.*"))


def test_a_file_that_is_not_newer_or_leaves_a_gap_is_refused(source: Path, blocks: Path, tmp_path: Path) -> None:
    fill(tmp_path, CHAIN, HEIGHT)
    with pytest.raises(ImportRefusedError, match="line 1: it ends with block 24, this home has all up to 24: it is older"):
        _import(blocks, tmp_path)
    later = tmp_path / "later.jsonl"
    _export(source, later, heights=Heights(7, HEIGHT))
    with pytest.raises(ImportRefusedError, match="begins with block 7, this home has blocks up to 0: 1 is wanted"):
        _import(later, tmp_path / "empty")


def test_a_file_of_another_branch_than_the_homes_is_refused(tmp_path: Path) -> None:
    """S4: a final block never goes back, whoever signed another."""
    fork, source = small_chain(HEIGHT, 2), tmp_path / "fork"
    fill(source, fork, HEIGHT)
    assert verify(source, CHAIN.genesis).problem is None
    _export(source, tmp_path / "whole", heights=ALL)
    _export(source, tmp_path / "later", heights=Heights(6, HEIGHT))
    folder = tmp_path / "data"
    fill(folder, CHAIN, 5)
    with pytest.raises(ImportRefusedError, match=r"line 2: another block than \w+ is final at height 1"):
        _import(tmp_path / "whole", folder)
    with pytest.raises(ImportRefusedError, match=r"line 2: unknown_parent"):
        _import(tmp_path / "later", folder)
    assert verify(folder, CHAIN.genesis).final == 5


def test_another_networks_home_and_a_node_that_runs_refuse(blocks: Path, tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match=r"line 1: .*another_chain|line 1: `network`"):
        _import(blocks, tmp_path, make_genesis("other"))
    lock = ProcessLock(tmp_path / "lock")
    with pytest.raises(HomeInUse):
        _import(blocks, tmp_path)
    lock.release()
    with pytest.raises(ImportRefusedError, match="cannot be read"):
        _import(tmp_path / "none", tmp_path)
