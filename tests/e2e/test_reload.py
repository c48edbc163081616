"""A running node that is told to read its configuration again, in every way there is."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from p2pchain.config import Home
from tests.e2e.network import COMMAND, command, environment
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of a developer's network of one."""
    p2p, api = free_port(), free_port()
    settings = [f"p2p.listen=127.0.0.1:{p2p}", f"api.listen=127.0.0.1:{api}"]
    sets = [text for setting in settings for text in ("--set", setting)]
    command("init", "--delegate", "--open", "--home", str(tmp_path / "home"), *sets)
    return Home(tmp_path / "home")


@contextmanager
def running(home: Home, *before: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    log = (home.path / "log").open("w")
    process = subprocess.Popen([*before, *COMMAND, "run", "--home", str(home.path)], stderr=log, text=True, env=environment(), **options)  # type: ignore[call-overload]
    try:
        wait_until(lambda: home.admin_socket.exists() and '"listening for peers"' in log_of(home), 20, "the node runs")
        yield process
    finally:
        log.close()
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def pool_of(home: Home) -> dict[str, int]:
    found: dict[str, int] = json.loads(command("mempool", "--json", "--home", str(home.path)).stdout)
    return found


def log_of(home: Home) -> str:
    return (home.path / "log").read_text()


def set_value(home: Home, before: str, after: str) -> None:
    text = home.config_file.read_text()
    assert text.count(f"\n{before}\n") == 1
    home.config_file.write_text(text.replace(f"\n{before}\n", f"\n{after}\n"))


def test_a_node_takes_up_what_it_can_by_command_and_by_signal_and_refuses_a_wrong_file_whole(home: Home) -> None:
    place = ("--home", str(home.path))
    with running(home, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        set_value(home, 'level = "info"', 'level = "debug"')
        set_value(home, "peers_in_max = 64", "peers_in_max = 5")
        set_value(home, "flush_blocks = 20", "flush_blocks = 10")
        set_value(home, "transactions_max = 50000", "transactions_max = 5000")
        answer = json.loads(command("config", "reload", "--json", *place).stdout)
        assert answer["changed"] == {
            "p2p.peers_in_max": {"before": 64, "now": 5},
            "mempool.transactions_max": {"before": 50_000, "now": 5_000},
            "log.level": {"before": "info", "now": "debug"},
        }
        assert answer["needs_restart"] == {"storage.flush_blocks": {"running": 20, "found": 10}}

        wait_until(lambda: pool_of(home)["transactions_max"] == 5_000, 10, "the engine has heard of it")
        in_force = command("config", "show", "--running", *place).stdout
        assert "\nstorage.flush_blocks = 20  (found here: 10)\n" in in_force
        assert "\np2p.peers_in_max = 5\n" in in_force

        doctor = command("doctor", *place).stdout
        assert "settings: waiting for the next start: storage.flush_blocks\n" in doctor

        set_value(home, "peers_in_max = 5", "peers_in_max = -5\nlistn = 1")
        wrong = command("config", "reload", *place, expect=2).stderr
        assert "nothing has changed" in wrong
        assert "found -5, wanted a whole number from 0 to 1000" in wrong
        assert 'p2p.listn: found an unknown key, wanted a known key: did you mean "p2p.listen"?' in wrong
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: log_of(home).count('"configuration not reloaded"') == 2, 10, "the signal was answered in the log")

        set_value(home, "peers_in_max = -5\nlistn = 1", "peers_in_max = 6")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: '"changed": ["p2p.peers_in_max"]' in log_of(home), 10, "the signal was answered in the log")
        for level in ("debug", "error"):
            assert f"log level {level}" in command("config", "log-level", level, *place).stdout
        assert log_of(home).count('"log level set by hand"') == 1, "a level that asks for errors alone hides this line too"
        told = command("config", "reload", *place).stdout
        assert 'changed: log.level: "error" -> "debug"' in told
        assert "needs a restart: storage.flush_blocks: 20 runs, 10 found" in told
        assert process.poll() is None


@contextmanager
def on_a_terminal(home: Home, *before: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """A node in the foreground of a terminal, and what closes that terminal."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(theirs), os.O_RDWR))  # the first one that a session opens is its own

    def close() -> None:
        for end in (ours, theirs):
            with suppress(OSError):
                os.close(end)

    try:
        with running(home, *before, stdin=theirs, preexec_fn=take_terminal) as process:
            yield process, close
    finally:
        close()


def test_a_node_in_the_foreground_ends_with_its_terminal(home: Home) -> None:
    with on_a_terminal(home) as (process, close_terminal):
        close_terminal()
        assert process.wait(15) == 0


def test_one_that_was_started_to_outlive_its_terminal_does_and_reloads(home: Home) -> None:
    with on_a_terminal(home, "nohup") as (process, close_terminal):
        close_terminal()
        wait_until(lambda: '"configuration reloaded"' in log_of(home), 10, "the hang-up was answered in the log")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: log_of(home).count('"configuration reloaded"') >= 2, 10, "and any other")
        assert process.poll() is None
