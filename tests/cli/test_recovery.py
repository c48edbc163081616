"""The five verbs on the homes of a network that never got beyond its genesis, and every way to use them wrongly."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from p2pchain.cli.testnet import record
from p2pchain.cli.testnet.making import Size, make_testnet
from p2pchain.config import Home
from p2pchain.genesis_file import load_genesis, load_installed
from p2pchain.storage import open_store
from p2pchain.storage.durable import ProcessLock
from tests.cli.conftest import Run


class Operators:
    """Four delegates, each with its home; `C` and `D` are lost."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.folder = folder
        folder.mkdir()
        made = make_testnet(record.TestnetFolder(folder), Size(4, 0, 500), range(20_000, 20_008))
        self.homes = dict(zip("ABCD", (node.layout for node in made.nodes), strict=True))
        self.genesis = load_genesis(Path(made.genesis))
        for home in self.homes.values():
            with open_store(home.data, self.genesis):
                pass
        self.file = folder / "recovery.toml"

    def address(self, name: str) -> str:
        found = json.loads(self.run("keys", "show", "account", "--json", "--home", self.homes[name].path).stdout)
        return str(found["address"])

    def inspect(self, name: str) -> Path:
        path = self.folder / f"{name}.json"
        result = self.run("recovery", "inspect", "--json", "--home", self.homes[name].path)
        assert result.exit_code == 0, result.stderr
        path.write_text(result.stdout)
        return path

    def without(self, *names: str) -> list[str]:
        return [part for name in names for part in ("--without", self.address(name))]

    def draft(self) -> Path:
        result = self.run("recovery", "draft", self.inspect("A"), self.inspect("B"), *self.without("C", "D"))
        assert result.exit_code == 0, result.stderr
        self.file.write_text(result.stdout)
        return self.file

    def sign(self, name: str, file: Path | None = None) -> str:
        result = self.run("recovery", "sign", file or self.file, "--home", self.homes[name].path)
        assert result.exit_code == 0, result.stderr
        return str(result.stdout)

    def refused(self, *arguments: object, exit_code: int = 1) -> str:
        result = self.run("recovery", *arguments)
        assert result.exit_code == exit_code, result.output
        assert not result.stdout
        return str(result.stderr)


@pytest.fixture
def operators(run: Run, tmp_path: Path) -> Operators:
    return Operators(run, tmp_path / "net")


def test_the_procedure_from_the_reports_to_the_installed_document(operators: Operators) -> None:
    file = operators.draft()
    assert "No confirmed block is lost" in file.read_text()
    assert "still to sign" in operators.sign("A")
    assert "all have signed" in operators.sign("B")
    assert "No confirmed block is lost" in file.read_text()
    shown = json.loads(operators.run("recovery", "show", file, "--json").stdout)
    assert shown["complete"]
    assert set(shown["removed"]) == {operators.address("C"), operators.address("D")}
    assert shown["base"]["height"] == 0
    for name in "AB":
        result = operators.run("recovery", "install", file, "--home", operators.homes[name].path)
        assert result.exit_code == 0, result.stderr
        assert "p2pchain start" in result.stdout
        (installed,) = load_installed(operators.homes[name].recoveries, operators.genesis.chain_id)
        assert installed.id.hex() == shown["id"]
    assert "installed already" in operators.refused("install", file, "--home", operators.homes["A"].path)


def test_copies_that_were_signed_side_by_side_are_installed_as_one(operators: Operators) -> None:
    file = operators.draft()
    copies = [operators.folder / f"copy-{name}.toml" for name in "AB"]
    for name, copy in zip("AB", copies, strict=True):
        shutil.copy(file, copy)
        operators.sign(name, copy)
    assert "is missing" in operators.refused("install", copies[0], "--home", operators.homes["A"].path)
    result = operators.run("recovery", "install", *copies, "--home", operators.homes["A"].path)
    assert result.exit_code == 0, result.stderr
    copies[1].write_text(copies[1].read_text().replace("from_slot = ", "from_slot = 9"))
    assert "is not its signer's" in operators.refused("install", *copies, "--home", operators.homes["B"].path)


def test_a_bundle_with_the_document_makes_a_home_that_has_it(operators: Operators, tmp_path: Path) -> None:
    operators.draft()
    operators.sign("A")
    operators.sign("B")
    operators.run("recovery", "install", operators.file, "--home", operators.homes["A"].path)
    _write_record(operators)
    bundle = tmp_path / "net.toml"
    bundle.write_text(operators.run("testnet", "bundle", "--dir", operators.folder).stdout)
    result = operators.run("join", bundle, "--home", tmp_path / "joined")
    assert result.exit_code == 0, result.stderr
    assert "recovery  at height 0, without 2 delegates" in result.stdout
    assert len(load_installed(Home(tmp_path / "joined").recoveries, operators.genesis.chain_id)) == 1
    text = bundle.read_text()
    number = tomllib.loads(text)["recoveries"][0]["from_slot"]
    bundle.write_text(text.replace(f"from_slot = {number}", f"from_slot = {number + 1}"))
    refused = operators.run("join", bundle, "--home", tmp_path / "other")
    assert refused.exit_code == 2
    assert "is not its signer's over this document" in refused.stderr


def _write_record(operators: Operators) -> None:
    """`testnet bundle` reads testnet.json, which `up` writes."""
    nodes = [
        {"name": name, "home": str(home.path), "api": "http://127.0.0.1:1", "p2p": "127.0.0.1:2", "pid": None, "role": "delegate"}
        for name, home in operators.homes.items()
    ]
    genesis = str(operators.folder / "genesis.toml")
    found = {"chain_id": operators.genesis.chain_id.hex(), "genesis": genesis, "nodes": nodes, "accounts": []}
    (operators.folder / "testnet.json").write_text(json.dumps(found))


def test_a_draft_names_what_is_wrong_with_it(operators: Operators, tmp_path: Path) -> None:
    a, b, c = operators.inspect("A"), operators.inspect("B"), operators.inspect("C")
    without, stranger = operators.without, operators.run("keys", "new", "x", "--open", "--prefix", "p2p", "--json")
    refused = operators.refused
    assert f"no report of {operators.address('B')}" in refused("draft", a, *without("C", "D"))
    assert "those who remain are a quorum" in refused("draft", a, b, c, *without("D"))
    assert "there is a report of it" in refused("draft", a, b, c, *without("C", "D"))
    assert f"two reports of {operators.address('A')}" in refused("draft", a, a, b, *without("C", "D"))
    address = json.loads(stranger.stdout)["address"]
    assert f"{address} is no delegate" in refused("draft", a, b, *without("C", "D"), "--without", address)
    assert "--accept-loss" in refused("draft", a, *without("B", "C", "D"))
    accepted = operators.run("recovery", "draft", a, *without("B", "C", "D"), "--accept-loss")
    assert "MAY BE LOST" in accepted.stderr
    assert tomllib.loads(accepted.stdout)["recovery"]["accept_loss"] is True
    assert "Missing option '--without'" in refused("draft", a, exit_code=2)
    assert "not an address" in refused("draft", a, "--without", "nobody", exit_code=2)
    broken = tmp_path / "broken.json"
    broken.write_text('{"chain_id": 1}')
    assert "is no report" in refused("draft", broken, *without("C", "D"))
    other = Operators(operators.run, tmp_path / "other")
    assert "different networks" in refused("draft", a, other.inspect("B"), *without("C", "D"))


def test_a_running_node_can_be_inspected_and_nothing_is_drafted_from_it(operators: Operators) -> None:
    lock = ProcessLock(operators.homes["A"].data / "lock")
    report = operators.inspect("A")
    assert json.loads(report.read_text())["running"] is True
    assert "still ran" in operators.refused("draft", report, operators.inspect("B"), *operators.without("C", "D"))
    lock.release()
    operators.draft()
    lock = ProcessLock(operators.homes["A"].data / "lock")
    assert "the node runs" in operators.refused("sign", operators.file, "--home", operators.homes["A"].path)
    lock.release()


def test_a_delegate_that_lost_its_record_counts_as_gone(operators: Operators) -> None:
    (operators.homes["B"].signing / "sign-state").unlink()
    words = operators.refused("draft", operators.inspect("A"), operators.inspect("B"), *operators.without("C", "D"))
    assert "lost their record" in words


def test_signing_is_refused_to_whoever_has_no_part_in_it(operators: Operators, tmp_path: Path) -> None:
    file, homes, refused = operators.draft(), operators.homes, operators.refused
    assert "is no signer of this recovery" in refused("sign", file, "--home", homes["C"].path)
    assert "its own record" in refused("sign", file, "--home", homes["B"].path, "--from", homes["A"].keys / "delegate.key")
    operators.sign("A")
    assert "signed this recovery already" in refused("sign", file, "--home", homes["A"].path)
    second = operators.folder / "second.toml"
    drafted = operators.run("recovery", "draft", operators.inspect("A"), *operators.without("B", "C", "D"), "--accept-loss")
    second.write_text(drafted.stdout)
    assert "has signed another recovery" in refused("sign", second, "--home", homes["A"].path)
    other = Operators(operators.run, tmp_path / "other")
    assert "this home's network is" in refused("sign", file, "--home", other.homes["A"].path)
    assert "this home's network is" in refused("install", file, "--home", other.homes["A"].path)


def test_what_is_no_recovery_is_told_with_its_place(operators: Operators) -> None:
    file = operators.draft()
    text = file.read_text()
    for before, after, words in (
        ("accept_loss = false", "accept_loss = 0", "recovery.accept_loss: found 0, wanted true or false"),
        ("base_slot", "base_slots", "recovery.base_slot"),
        ("from_slot = ", "from_slot = 0 # ", "from_slot is 0, at least 1 wanted"),
        ("[recovery]", "[recovered]", "a section, [recovery]"),
        ("[recovery]", "[recovery", "a syntax error"),
    ):
        assert before in text
        file.write_text(text.replace(before, after, 1))
        assert words in operators.refused("show", file)
    assert "cannot be read" in operators.refused("show", operators.folder / "nowhere.toml")


def test_a_home_that_never_ran_has_nothing_to_inspect(operators: Operators, tmp_path: Path) -> None:
    shutil.rmtree(operators.homes["A"].data / "chain")
    assert "has never run" in operators.refused("inspect", "--home", operators.homes["A"].path)
    assert "is no home of a node" in operators.refused("inspect", "--home", tmp_path / "nowhere")
