import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.cli.background import read_pid
from p2pchain.cli.node import lives
from p2pchain.config import Home, load_config
from tests.e2e.network import command, processes_of
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    settings = ["--set", f"api.listen=127.0.0.1:{free_port()}", "--set", f"p2p.listen=127.0.0.1:{free_port()}"]
    command("init", "--delegate", "--open", "--home", str(path), *settings)
    return path


@pytest.fixture
def running(home: Path) -> Iterator[Path]:
    command("start", "--home", str(home))
    yield home
    command("stop", "--home", str(home))
    assert not processes_of(home)


def test_a_node_started_and_stopped_in_the_background_leaves_neither_process_nor_pid_file(running: Path) -> None:
    pid = int((running / "data" / "node.pid").read_text())
    assert pid > 0
    assert "height" in command("status", "--home", str(running)).stdout
    command("stop", "--home", str(running))
    assert not (running / "data" / "node.pid").exists()
    assert not processes_of(running)
    command("start", "--home", str(running))


def test_a_home_in_use_is_refused_in_one_line(running: Path) -> None:
    told = command("run", "--home", str(running), expect=1).stderr
    assert told.count("\n") == 1
    assert "in use" in told


@pytest.mark.parametrize("key", ["api.listen", "p2p.listen"])
def test_a_port_in_use_is_refused_in_one_line(running: Path, tmp_path: Path, key: str) -> None:
    taken = command("config", "show", "--home", str(running), "--json").stdout
    other = tmp_path / "other"
    section, name = key.split(".")
    settings = {"api.listen": f"127.0.0.1:{free_port()}", "p2p.listen": f"127.0.0.1:{free_port()}"}
    settings[key] = _value(taken, section, name)
    flags = [text for path, value in settings.items() for text in ("--set", f"{path}={value}")]
    command("init", "--delegate", "--open", "--home", str(other), *flags)
    told = command("run", "--home", str(other), expect=1).stderr
    assert settings[key] in told
    assert len([line for line in told.splitlines() if line.startswith("p2pchain: ")]) == 1
    assert command("start", "--home", str(other), expect=1).stderr.startswith("p2pchain: ")
    assert not processes_of(other)


def test_the_answer_of_another_node_is_not_taken_for_ones_own(running: Path, home: Path, tmp_path: Path) -> None:
    taken = _value(command("config", "show", "--home", str(running), "--json").stdout, "api", "listen")
    other = tmp_path / "other"
    command("init", "--delegate", "--open", "--home", str(other), "--set", f"api.listen={taken}")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "run", "--home", str(other)], stdin=subprocess.PIPE
    ) as waiting:
        (other / "data" / "node.pid").write_text(f"{waiting.pid}\n")
        wait_until(lambda: read_pid(Home(other)) == waiting.pid, 10, "the process has its command line")
        assert not lives(load_config(other))
    assert lives(load_config(home))


def test_a_delegate_whose_node_key_is_its_signing_key_is_refused_in_one_line(home: Path) -> None:
    (home / "keys" / "node.key").write_bytes((home / "keys" / "delegate.key").read_bytes())
    told = command("run", "--home", str(home), expect=1).stderr
    assert "p2pchain: the keys 'node' and 'delegate' are the same: a node needs a key of its own for its links\n" in told


def test_a_broken_configuration_is_wrong_use_and_names_file_and_key(home: Path) -> None:
    file = home / "config" / "node.toml"
    file.write_text(file.read_text().replace('level = "info"', 'level = "loud"'))
    for verb in ("run", "start", "status"):
        told = command(verb, "--home", str(home), expect=2).stderr
        assert f"{file}:" in told
        assert "log.level" in told
        assert '"info"' in told


def test_a_broken_genesis_is_wrong_use_and_names_file_and_key(home: Path) -> None:
    file = home / "config" / "genesis.toml"
    file.write_text(file.read_text().replace("slot_ms = 500", "slot_ms = 5"))
    told = command("run", "--home", str(home), expect=2).stderr
    assert f"{file}: params.slot_ms: found 5, wanted a whole number from " in told


def test_an_unwritable_disk_is_refused_in_one_line(home: Path) -> None:
    (home / "data").rmdir()
    (home / "data").write_text("a file where a folder is wanted")
    told = command("run", "--home", str(home), expect=74).stderr
    assert len([line for line in told.splitlines() if line.startswith("p2pchain: ")]) == 1


def _value(shown: str, section: str, name: str) -> str:
    value = json.loads(shown)[section][name]
    assert isinstance(value, str)
    return value
