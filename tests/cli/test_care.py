"""The verbs of care on a home: what they print, in which words, with which status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2pchain.chain.votes import Kind
from p2pchain.cli.care_progress import WINDOW_S, Rate
from p2pchain.cli.home_making import begin_signing, key_in
from p2pchain.storage.layout import block_key, certificate_key
from tests.care.homes import HEIGHT, MadeHome, make_filled_home
from tests.cli.conftest import Run
from tests.storage.observing import change_value

AT = 12


@pytest.fixture
def made(tmp_path: Path) -> MadeHome:
    return make_filled_home(tmp_path / "home")


def _damage(made: MadeHome) -> None:
    block = made.chain.steps[AT - 1].stored.block.id
    key = certificate_key(block_key(AT, block), Kind.CONFIRM)
    change_value(made.data_dir, b"certificates", key, lambda value: value[:-1] + bytes((value[-1] ^ 1,)))


def _json(run: Run, *arguments: object, expect: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == expect, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_verify_tells_what_it_checked(run: Run, made: MadeHome) -> None:
    result = run("verify")
    assert result.exit_code == 0, result.output
    assert f"checked   blocks 1 to {HEIGHT} of {HEIGHT} final ones: " in result.stdout
    assert "all equal" in result.stdout
    told = _json(run, "verify", "--quick")
    assert (told["well"], told["quick"], told["last"], told["signatures"]) == (True, True, HEIGHT, 0)
    assert (_json(run, "verify", "--from", 5, "--to", 9)["first"], _json(run, "verify", "--from", 5, "--to", 9)["last"]) == (5, 9)


def test_verify_names_the_first_bad_block_what_was_found_what_was_wanted_and_what_to_do(run: Run, made: MadeHome) -> None:
    _damage(made)
    result = run("verify")
    assert result.exit_code == 1
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["bad"] == f"certificate of height {AT}"
    assert "is not its signature" in lines["found"]
    assert lines["wanted"]
    assert "p2pchain repair" in result.stdout
    told = _json(run, "verify", expect=1)
    assert (told["well"], told["problem"]["height"], told["last"]) == (False, AT, AT - 1)
    assert _json(run, "verify", "--quick")["well"], "the quick check knows no signatures"


def test_verify_refuses_ranges_that_are_none_and_homes_that_are_none(run: Run, made: MadeHome, tmp_path: Path) -> None:
    assert run("verify", "--from", 9, "--to", 5).exit_code == 2
    assert run("verify", "--from", 0).exit_code == 2
    result = run("verify", "--to", HEIGHT + 1)
    assert (result.exit_code, f"--to is {HEIGHT + 1}" in result.stderr) == (1, True)
    result = run("verify", "--home", tmp_path / "none")
    assert (result.exit_code, "is no home of a node" in result.stderr) == (1, True)
    (made.data_dir / "chain").rename(made.data_dir / "elsewhere")
    result = run("verify")
    assert (result.exit_code, "the node has never run" in result.stderr) == (1, True)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_store_that_was_cut_off_is_told_and_ends_nobody(run: Run, made: MadeHome, share: float) -> None:
    file = made.data_dir / "chain" / "data.mdb"
    with file.open("r+b") as found:
        found.truncate(int(share * file.stat().st_size))
    told = _json(run, "verify", expect=1)
    assert told["problem"]["todo"]
    assert "p2pchain repair" in run("verify").stdout
    told = json.loads(run("doctor", "--json").stdout)
    assert next(each["state"] for each in told["findings"] if each["check"] == "chain") == "broken"


def test_the_small_files_are_read_too(run: Run, made: MadeHome) -> None:
    key = key_in(made.home, "delegate", lambda: None)
    (made.data_dir / "mempool.journal").write_bytes(b"damaged")
    (made.data_dir / "address-book").write_bytes(b"damaged")
    made.home.bans.write_bytes(b"damaged")
    delegate = ("--set", "node.role=delegate")
    files = {each["name"]: each for each in _json(run, "verify", *delegate)["files"]}
    assert set(files) == {"sign-state", "mempool.journal", "address-book", "bans.json"}
    assert all(each["todo"].startswith("nothing: ") and not each["grave"] for each in files.values())
    begin_signing(made.home, key.public_key, made.genesis.chain_id)
    path = made.home.signing / "sign-state"
    assert "signed up to slot 0" in run("verify", *delegate).stdout
    path.write_bytes(b"\x00" * path.stat().st_size)
    told = _json(run, "verify", *delegate, expect=1)
    assert (told["problem"], next(each for each in told["files"] if each["grave"])["name"]) == (None, "sign-state")


def test_repair_keeps_what_is_sound_and_touches_neither_keys_nor_the_memory_of_what_was_signed(run: Run, made: MadeHome) -> None:
    key = key_in(made.home, "delegate", lambda: None)
    begin_signing(made.home, key.public_key, made.genesis.chain_id)
    _damage(made)
    folders = (made.home.keys, made.home.signing, made.home.config_file.parent)
    before = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    result = run("repair")
    assert result.exit_code == 0, result.output
    assert f"kept      blocks up to height {AT - 1}" in result.stdout
    assert f"missing   blocks {AT} to {HEIGHT}" in result.stdout
    assert {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()} == before
    assert _json(run, "verify")["last"] == AT - 1
    assert "nothing is wrong" in run("repair").stdout
    assert "1 damaged chains of earlier repairs" in run("doctor").stdout
    assert len(_json(run, "repair", "--remove-aside")["removed"]) == 1
    assert "nothing was set aside" in run("repair", "--remove-aside").stdout


def test_repair_from_scratch_sets_everything_aside(run: Run, made: MadeHome) -> None:
    told = _json(run, "repair", "--from-scratch")
    assert Path(told["aside"]).is_dir()
    assert not (made.data_dir / "chain").exists()
    assert run("repair", "--from-scratch", "--remove-aside").exit_code == 2


def test_the_doctor_looks_at_the_chain(run: Run, made: MadeHome) -> None:
    def finding(check: str) -> dict[str, Any]:
        told = json.loads(run("doctor", "--json").stdout)
        return next(each for each in told["findings"] if each["check"] == check)

    assert finding("chain") == {
        "check": "chain",
        "state": "well",
        "found": f"height {HEIGHT}, the newest {HEIGHT} blocks hold together",
        "todo": "",
    }
    block = made.chain.steps[AT - 1].stored.block.id
    change_value(made.data_dir, b"heights", block, lambda _: b"\x00" * 8)
    assert finding("chain")["state"] == "broken"
    assert "p2pchain repair" in finding("chain")["todo"]
    change_value(made.data_dir, b"meta", b"format", lambda _: b"999")
    assert "install the newer version" in finding("chain")["todo"]


def test_export_and_import_take_a_chain_to_another_home(run: Run, made: MadeHome, tmp_path: Path) -> None:
    file = tmp_path / "blocks.jsonl"
    result = run("export", "blocks", "--out", file)
    assert f"{HEIGHT} rows of blocks 1 to {HEIGHT}" in result.stdout, result.output
    other = make_filled_home(tmp_path / "other", is_filled=False)
    result = run("import", file, "--home", other.home.path)
    assert f"the home stands at height {HEIGHT}" in result.stdout, result.output
    assert _json(run, "verify", "--home", other.home.path)["last"] == HEIGHT
    result = run("import", file, "--home", other.home.path)
    assert (result.exit_code, "line 1: " in result.stderr, "it is older" in result.stderr) == (1, True, True)
    assert run("export", "blocks", "--out", file).exit_code == 1
    assert run("export", "blocks", "--out", file, "--overwrite").exit_code == 0
    assert _json(run, "export", "transfers", "--out", tmp_path / "t", "--from", 3, "--to", 4)["rows"] == 6
    assert _json(run, "export", "accounts", "--out", tmp_path / "a")["last"] == HEIGHT
    assert run("export", "accounts", "--out", tmp_path / "b", "--format", "csv").exit_code == 2


def test_the_time_left_is_by_the_rate_of_late() -> None:
    """A slow second half is not promised to be as quick as the first."""
    now = 0.0
    rate = Rate(1_000, lambda: now)
    assert rate.left_s is None, "nothing is known yet"
    for _ in range(40):
        now += 1
        rate.add(10)
    assert rate.left_s == pytest.approx(60)
    for _ in range(int(WINDOW_S) + 2):
        now += 1
        rate.add(1)
    assert rate.left_s == pytest.approx(568, rel=0.1), "568 are left at one a second"
    assert rate.line("blocks").startswith("blocks: 43% of 0.0 MB, ")
    assert Rate(0).line("rows") == "rows: under way"
