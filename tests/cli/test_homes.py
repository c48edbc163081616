import shutil
import stat
from pathlib import Path

import pytest

from p2pchain.config import Home, load_config
from p2pchain.genesis_file import dumps_bundle, dumps_genesis, load_genesis
from p2pchain.storage import SignStateFile
from tests.cli.conftest import Run
from tests.fakes.world import make_genesis


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def genesis_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.toml"
    path.write_text(dumps_bundle(make_genesis(), ["seed.example:28656"]))
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_developer_gets_a_network_of_one_delegate(run: Run, home: Home) -> None:
    printed = run("init", "--delegate", "--open").stdout
    genesis = load_genesis(home.genesis_file)
    assert genesis.chain_id.hex() in printed
    assert len(genesis.delegates) == genesis.params.delegates == 1
    assert sorted(path.name for path in home.keys.iterdir()) == ["account.key", "delegate.key", "node.key"]
    assert {mode_of(home.keys), mode_of(home.signing)} == {0o700}
    assert {mode_of(path) for path in home.keys.iterdir()} == {0o600}
    assert load_config(home.path).node.role == "delegate"
    with SignStateFile(home.signing, genesis.delegates[0].consensus_key, genesis.chain_id) as states:
        assert states.load() is not None


def test_a_home_for_a_given_network_has_its_very_chain_id(run: Run, home: Home, genesis_file: Path) -> None:
    printed = run("init", "--genesis", genesis_file, "--name", "berlin").stdout
    assert load_genesis(home.genesis_file) == make_genesis()
    assert make_genesis().chain_id.hex() in printed
    config = load_config(home.path)
    assert (config.node.name, config.node.role) == ("berlin", "observer")
    assert not (home.signing / "sign-state").exists()


def test_joining_takes_the_seeds_of_the_bundle(run: Run, home: Home, genesis_file: Path) -> None:
    run("join", genesis_file)
    assert load_config(home.path).p2p.seeds == ("seed.example:28656",)
    assert load_genesis(home.genesis_file) == make_genesis()


def test_a_bundle_may_come_through_a_pipe(run: Run, home: Home, genesis_file: Path) -> None:
    assert run("join", "-", text=genesis_file.read_text()).exit_code == 0
    assert load_genesis(home.genesis_file) == make_genesis()


def test_a_bundle_without_seeds_is_remarked_upon(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text(dumps_genesis(make_genesis()))
    result = run("join", tmp_path / "g.toml")
    assert result.exit_code == 0
    assert "names no seeds" in result.stderr


def test_a_delegate_key_made_before_is_used_and_not_replaced(run: Run, home: Home, genesis_file: Path) -> None:
    run("keys", "new", "delegate", "--open")
    before = (home.keys / "delegate.key").read_bytes()
    printed = run("join", genesis_file, "--delegate").stdout
    assert (home.keys / "delegate.key").read_bytes() == before
    assert "not in the genesis" in printed
    assert (home.signing / "sign-state").exists()
    assert not list(home.signing.glob("unused-*"))


def test_a_delegate_key_from_elsewhere_has_a_past_and_begins_in_silence(run: Run, home: Home, genesis_file: Path, tmp_path: Path) -> None:
    run("keys", "new", "delegate", "--open", "--home", tmp_path / "old")
    shutil.copytree(tmp_path / "old" / "keys", home.keys)
    result = run("join", genesis_file, "--delegate")
    assert result.exit_code == 0
    assert "nobody knows what it has signed: the node is silent until" in result.stderr
    assert not (home.signing / "sign-state").exists()


def test_a_delegate_key_that_was_imported_may_be_called_a_new_one(run: Run, home: Home, genesis_file: Path) -> None:
    run("keys", "import", "delegate", "-", "--open", text="0b" * 32)
    assert run("join", genesis_file, "--delegate", "--key-never-signed").stderr == ""
    assert (home.signing / "sign-state").exists()


def test_of_a_network_that_begins_here_no_key_has_signed_anything(run: Run, home: Home) -> None:
    run("keys", "import", "delegate", "-", "--open", text="0b" * 32)
    assert run("init", "--delegate", "--open").stderr == ""
    assert (home.signing / "sign-state").exists()


def test_settings_are_written_into_the_home(run: Run, home: Home, genesis_file: Path) -> None:
    run("join", genesis_file, "--set", "api.listen=127.0.0.1:9", "--set", "p2p.persistent_peers=a:1, b:2", "--set", "log.level=debug")
    config = load_config(home.path)
    assert (config.api.listen, config.p2p.persistent_peers, config.log.level) == ("127.0.0.1:9", ("a:1", "b:2"), "debug")


@pytest.mark.parametrize("verb", [["init", "--delegate", "--open"], ["join", "net.toml"]])
def test_nothing_is_overwritten(run: Run, home: Home, genesis_file: Path, verb: list[str]) -> None:
    run("join", genesis_file)
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    result = run(*[genesis_file if argument == "net.toml" else argument for argument in verb])
    assert result.exit_code == 1
    assert "exists and stays" in result.stderr
    assert {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "arguments",
    [["init"], ["init", "--genesis", "broken"], ["join", "broken"], ["join", "missing"], ["join", "net.toml", "--set", "a.b=1"]],
)
def test_wrong_use_makes_no_home(run: Run, home: Home, genesis_file: Path, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "broken").write_text("[chain]\nname = 3\n")
    result = run(*[tmp_path / argument if argument in ("broken", "missing", "net.toml") else argument for argument in arguments])
    assert result.exit_code == 2
    assert not home.path.exists()


def test_home_may_stand_before_or_after_the_verb(run: Run, tmp_path: Path) -> None:
    assert run("--home", tmp_path / "a", "init", "--delegate", "--open").exit_code == 0
    assert run("init", "--delegate", "--open", "--home", tmp_path / "b").exit_code == 0
    assert Home(tmp_path / "a").genesis_file.exists()
    assert Home(tmp_path / "b").genesis_file.exists()


@pytest.mark.parametrize("verb", ["run", "start"])
def test_a_folder_that_is_no_home_is_told(run: Run, home: Home, verb: str) -> None:
    result = run(verb)
    assert result.exit_code == 1
    assert f"{home.path} is no home of a node" in result.stderr


def test_a_sealed_key_is_not_asked_for_in_the_background(run: Run, home: Home, tmp_path: Path, genesis_file: Path) -> None:
    (tmp_path / "passphrase").write_text("correct horse")
    (tmp_path / "passphrase").chmod(0o600)
    assert run("join", genesis_file, "--delegate", "--passphrase-file", tmp_path / "passphrase").exit_code == 0
    result = run("start")
    assert result.exit_code == 1
    assert "the key 'delegate' is sealed, and in the background nobody can be asked" in result.stderr
    assert list(home.data.iterdir()) == []


def test_a_node_that_does_not_run_cannot_be_stopped(run: Run, home: Home) -> None:
    run("init", "--delegate", "--open")
    (home.data / "node.pid").write_text("1\n")  # a living process, and surely no node of ours
    result = run("stop")
    assert (result.exit_code, result.stderr) == (1, f"p2pchain: no node of {home.path} is running\n")


def test_a_good_configuration_is_checked_and_shown(run: Run, home: Home) -> None:
    run("init", "--delegate", "--open")
    assert "are well" in run("config", "check").stdout
    assert run("config", "show", "--set", "log.level=debug").stdout.count('level = "debug"') == 1
    assert '"level": "warning"' in run("config", "show", "--json", P2PCHAIN_LOG_LEVEL="warning").stdout


def test_every_mistake_of_configuration_and_genesis_is_told_at_once(run: Run, home: Home) -> None:
    run("init", "--delegate", "--open")
    home.config_file.write_text('[log]\nlevel = "loud"\n[p2p]\nlisten = "x"\n')
    home.genesis_file.write_text(home.genesis_file.read_text().replace("slot_ms = 500", "slot_ms = 1"))
    result = run("config", "check")
    assert result.exit_code == 2
    for key in ("log.level", "p2p.listen", "params.slot_ms"):
        assert key in result.stderr
