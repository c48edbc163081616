import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SEED = "07" * 32


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    path = tmp_path / "seed"
    path.write_text(SEED + "\n")
    return path


def test_a_new_key_is_kept_and_listed(run: Run, tmp_path: Path) -> None:
    made = json.loads(run("keys", "new", "alice", "--open", "--json").stdout)
    assert made["path"] == str(tmp_path / "home" / "keys" / "alice.key")
    assert (made["name"], made["kind"], made["address"]) == ("alice", "open", None)
    assert json.loads(run("keys", "list", "--json").stdout) == [made]
    assert json.loads(run("keys", "show", "alice", "--json").stdout) == made
    assert json.loads(run("keys", "show", made["path"], "--json").stdout) == made


def test_a_key_has_an_address_where_the_network_is_known(run: Run) -> None:
    run("keys", "new", "alice", "--open")
    assert json.loads(run("keys", "show", "alice", "--prefix", "tst", "--json").stdout)["address"].startswith("tst1")
    run("init", "--delegate", "--open")
    assert json.loads(run("keys", "show", "alice", "--json").stdout)["address"].startswith("p2p1")
    assert "p2p1" in run("keys", "list").stdout


def test_no_key_is_ever_overwritten(run: Run, seed_file: Path) -> None:
    run("keys", "new", "alice", "--open")
    for arguments in (
        ["keys", "new", "alice", "--open"],
        ["keys", "import", "alice", seed_file, "--open"],
        ["keys", "export", "alice", seed_file],
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "exists and stays" in result.stderr
    assert seed_file.read_text() == SEED + "\n"


def test_an_exported_secret_is_private_and_can_be_imported(run: Run, seed_file: Path, tmp_path: Path) -> None:
    shown = json.loads(run("keys", "import", "alice", seed_file, "--open", "--json").stdout)
    run("keys", "export", "alice", tmp_path / "out")
    assert (tmp_path / "out").read_text() == SEED + "\n"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    again = json.loads(run("keys", "import", "bob", "-", "--open", "--json", text=SEED).stdout)
    assert again["public_key"] == shown["public_key"]
    from_key_file = json.loads(run("keys", "import", "carol", shown["path"], "--open", "--json").stdout)
    assert from_key_file["public_key"] == shown["public_key"]


@pytest.mark.parametrize("content", ["", "zz", "07" * 31])
def test_what_is_no_secret_is_refused_without_repeating_it(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "bad").write_text(content)
    result = run("keys", "import", "alice", tmp_path / "bad", "--open")
    assert result.exit_code == 1
    assert not content or content not in result.stderr.replace(str(tmp_path), "")


def test_a_sealed_key_asks_twice_and_the_passphrase_can_come_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    made = json.loads(run("keys", "new", "alice", "--passphrase-file", file, "--json").stdout)
    assert made["kind"] == "sealed"
    assert run("keys", "export", "alice", tmp_path / "out", "--passphrase-file", file).exit_code == 0
    wrong = run("keys", "export", "alice", tmp_path / "out2", text="wrong\n")
    assert (wrong.exit_code, wrong.stderr.splitlines()[-1]) == (1, "p2pchain: wrong passphrase")
    assert run("keys", "new", "x", "--open", "--passphrase-file", file).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["show", "nobody"], ["new", "Not A Name", "--open"], ["export", "nobody", "x"], ["import", "x", "missing"]]
)
def test_a_key_that_cannot_be_had_is_told_in_one_line(run: Run, arguments: list[str]) -> None:
    result = run("keys", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("p2pchain: ")
    assert result.stderr.count("\n") == 1
