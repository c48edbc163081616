import re
import subprocess
import sys

import click
import pytest

from p2pchain import __version__
from p2pchain.cli import program
from p2pchain.cli.lazy import LazyGroup
from tests.cli.conftest import Run

PROMISED = {
    "testnet": {"up", "status", "down", "stop", "start", "add", "bundle"},
    "keys": {"new", "list", "show", "import", "export"},
    "tx": {"transfer", "show"},
    "delegate": {"come-back", "pause", "register", "resume", "retire", "vote-change"},
    "evidence": {"list", "submit"},
    "export": {"blocks", "transfers", "accounts"},
    "proof": {"account", "transaction"},
    "peers": {"ban", "unban"},
    "recovery": {"inspect", "draft", "sign", "show", "install"},
    "genesis": {"card", "compose"},
    "config": {"check", "log-level", "reload", "show"},
}
READS = ["status", "account x", "block 1", "delegates", "schedule", "params", "peers", "mempool", "tx show x", "evidence list"]


def commands_of(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def test_every_verb_can_be_loaded_and_is_called_as_it_is_listed() -> None:
    for name, command in commands_of(program).items():
        assert command.name == name
        if isinstance(command, click.Group):
            assert set(commands_of(command)) == PROMISED[name]
            assert all(sub.name == sub_name for sub_name, sub in commands_of(command).items())


@pytest.mark.parametrize("verb", ["", *PROMISED, "init", "run", "start", "tx transfer", "testnet up", "stake", "delegate register"])
def test_help_is_there_for(run: Run, verb: str) -> None:
    assert "Usage: p2pchain" in run(*verb.split(), "--help").stdout


def test_the_help_of_a_group_loads_none_of_its_verbs() -> None:
    assert isinstance(program, LazyGroup)
    code = "import sys; from p2pchain.cli import program; program(['--help'], standalone_mode=False); print('\\n'.join(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "testnet" in shown
    for heavy in ("p2pchain.daemon", "trio", "httpx2", "rich", "nacl", "lmdb", "p2pchain.cli.keys"):
        assert f"\n{heavy}\n" not in shown


def test_no_help_loads_a_node() -> None:
    """What a help may cost: all of them in one process load none of this (`sim` and `attack` are about a library of their own)."""
    lines = [line for line in _paths(program) if line[:1] not in (["sim"], ["attack"])]
    code = (
        "import sys; from p2pchain.cli import program\n"
        f"for words in {lines!r}: program([*words, '--help'], standalone_mode=False)\n"
        "print('\\n'.join(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert len(lines) > 50
    heavy = {"trio", "rich", "starlette", "hypercorn", "structlog", "prometheus_client", "asyncio"}
    assert not (heavy | {f"p2pchain.{part}" for part in ("daemon", "net", "api", "runtime", "sim", "badpeers")}) & set(shown)


def _paths(group: click.Group) -> list[list[str]]:
    found: list[list[str]] = []
    for name, command in commands_of(group).items():
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, *rest] for rest in _paths(command)]
    return found


def test_the_version_is_told(run: Run) -> None:
    assert re.fullmatch(
        rf"p2pchain {re.escape(__version__)} \(commit [0-9a-f]{{7,40}}\+?, protocol 2 on links, 1 in blocks\)\n", run("--version").stdout
    )


@pytest.mark.parametrize("arguments", ["nonsense", "keys", "tx", "block", "init --nonsense", "tx transfer --amount 0", "run --set x"])
def test_wrong_use_is_exit_status_2(run: Run, arguments: str) -> None:
    assert run(*arguments.split()).exit_code == 2


@pytest.mark.parametrize("verb", READS)
def test_a_read_from_a_silent_node_fails_in_one_line(run: Run, verb: str) -> None:
    for options in ([], ["--json"]):
        result = run(*verb.split(), *options, "--node", "http://127.0.0.1:1")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("p2pchain: no answer from the node at http://127.0.0.1:1 (")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "verb",
    [
        "peers --banned",
        "peers unban 203.0.113.9",
        "peers ban 203.0.113.9 --for 1h",
        "delegate pause",
        "delegate resume",
        "config reload",
    ],
)
def test_an_order_to_a_node_that_does_not_run_fails_in_one_line(run: Run, verb: str) -> None:
    for options in ([], ["--json"]):
        result = run(*verb.split(), *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("p2pchain: no answer from the node at ")
        assert "run/admin.sock" in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("duration", ["", "1", "h", "0s", "1w", "-1h", "1.5h", "9999999999s"])
def test_a_duration_that_is_none_is_wrong_use(run: Run, duration: str) -> None:
    assert run("peers", "ban", "203.0.113.9", "--for", duration).exit_code == 2


def test_the_list_of_bans_is_not_asked_of_a_port(run: Run) -> None:
    result = run("peers", "--banned", "--node", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "no such list" in result.stderr


def test_the_node_is_named_by_option_then_environment_then_home(run: Run) -> None:
    url = "http://127.0.0.1:1"
    assert f"at {url} " in run("peers", "--node", url, P2PCHAIN_NODE="http://127.0.0.1:2").stderr
    assert f"at {url} " in run("peers", P2PCHAIN_NODE=url).stderr
    assert "at http://127.0.0.1:3 " in run("peers", P2PCHAIN_API_LISTEN="0.0.0.0:3").stderr
    assert "at http://[::1]:3 " in run("peers", P2PCHAIN_API_LISTEN="[::]:3").stderr
    assert run("peers", P2PCHAIN_API_ENABLED="false").exit_code == 2
