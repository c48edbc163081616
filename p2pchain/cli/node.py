"""`run`, `start`, `stop`, `status`: one node."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from functools import partial

import click

from p2pchain.cli.background import STOP_S, died_early, read_pid, send_signal, spawn_node, wait_for_end
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import (
    api_url_of,
    current_config,
    current_home,
    current_node,
    current_settings,
    home_option,
    json_option,
    node_option,
    refuse_both,
    settings_option,
)
from p2pchain.config import Config, Home, load_config

START_S = 30.0
"""Far more than a start takes: what waited is read back and checked before the first answer."""
_POLL_S = 0.05


@click.command()
@click.option("--parent-pid", type=int, hidden=True, help="End when this process, which started this one, ends.")
@settings_option
@home_option
def run(parent_pid: int | None) -> None:
    """Run the node in the foreground, until SIGTERM or Ctrl-C."""
    from p2pchain.daemon import run_daemon  # noqa: PLC0415 - the whole node, which `start` and `stop` need not load
    from p2pchain.genesis_file import load_genesis  # noqa: PLC0415

    if parent_pid is not None:
        from p2pchain.cli.parent import end_with_parent  # noqa: PLC0415

        end_with_parent(parent_pid)
    config = _config_of_a_home()
    # what the process was started with stays: a later reload differs by the file alone
    reload = partial(load_config, config.home.path, dict(os.environ), current_settings())
    raise SystemExit(run_daemon(config, load_genesis(config.home.genesis_file), reload))


@click.command()
@settings_option
@home_option
def start() -> None:
    """Start the node in the background; its log is data/node.log."""
    config = _config_of_a_home()
    home = config.home
    if pid := read_pid(home):
        raise Failure(f"the node of {home.path} runs already (process {pid})")
    _refuse_question(config)
    settings = [text for path, value in current_settings().items() for text in ("--set", f"{path}={value}")]
    process = spawn_node(home, settings)
    _wait_for_life(process, config)
    click.echo(f"started process {process.pid}, log in {home.data / 'node.log'}")


@click.command()
@home_option
def stop() -> None:
    """Stop the node that runs in the background."""
    home = Home(current_home())
    pid = read_pid(home)
    if pid is None:
        raise Failure(f"no node of {home.path} is running")
    send_signal(pid, signal.SIGTERM)
    if not wait_for_end(pid, home, STOP_S):
        raise Failure(f"process {pid} still runs {STOP_S:g} s after SIGTERM; see its log, and end it with: kill -9 {pid}")
    click.echo(f"stopped process {pid}")


@click.command()
@node_option
@json_option
@click.option("--watch", is_flag=True, help="While the node catches up show how far it is, and end when it is in step.")
def status(*, as_json: bool, watch: bool) -> None:
    """Show what the node is doing."""
    refuse_both(watch=watch, as_json=as_json)
    if watch:
        from p2pchain.cli.sync_watch import watch_sync  # noqa: PLC0415 - the client, which no other verb here loads

        watch_sync(current_node())
        return
    from p2pchain.cli.node_status import print_status  # noqa: PLC0415 - the client, which no other verb here loads

    print_status(current_node(), as_json=as_json)


def _config_of_a_home() -> Config:
    current_settings()  # what is wrong with the command comes before what is wrong with the home
    home = Home(current_home())
    if not home.genesis_file.exists():
        raise Failure(f"{home.path} is no home of a node (no config/genesis.toml); make one with: p2pchain init, or p2pchain join BUNDLE")
    return current_config()


def _refuse_question(config: Config) -> None:
    """A node in the background has nobody to ask for a passphrase."""
    from p2pchain.keystore import Keystore  # noqa: PLC0415 - only this verb needs it

    if config.node.role != "delegate" or config.passphrase_file or "CREDENTIALS_DIRECTORY" in os.environ:
        return
    if Keystore(config.home.keys).entry(config.delegate.key).is_sealed:
        words = "is sealed, and in the background nobody can be asked; name a file in delegate.passphrase_file, or use: p2pchain run"
        raise Failure(f"the key '{config.delegate.key}' {words}")


def _wait_for_life(process: subprocess.Popen[bytes], config: Config) -> None:
    """Until the API answers (or, without one, the pid file is there); the process's own end says that it never will."""
    deadline = time.monotonic() + START_S
    while not lives(config):
        if process.poll() is not None:
            raise died_early("the node", config.home, process.returncode)
        if time.monotonic() >= deadline:
            raise Failure(f"process {process.pid} runs, but does not answer after {START_S:g} s; see {config.home.data / 'node.log'}")
        # The node tells nobody that it is ready but by answering.
        time.sleep(_POLL_S)


def lives(config: Config) -> bool:
    """Whether this very node answers: on its port may also be another one, of which ours has still to learn."""
    from p2pchain.client import ClientError, NodeClient  # noqa: PLC0415 - the client, which no other verb here loads
    from p2pchain.keystore import NODE_KEY, Keystore  # noqa: PLC0415

    if read_pid(config.home) is None or not config.api.enabled:
        return read_pid(config.home) is not None
    try:
        with NodeClient(api_url_of(config), timeout_s=1) as client:
            return client.status()["node_id"] == Keystore(config.home.keys).entry(NODE_KEY).public_key.hex()
    except ClientError:
        return False
