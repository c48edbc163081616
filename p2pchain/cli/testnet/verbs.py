"""The verbs that look at a testnet or change a part of it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from p2pchain.cli.background import read_pid, send_signal, wait_for_end
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import json_option
from p2pchain.cli.testnet.processes import KILL_S, end_children, end_nodes, pid_of, spawn, with_pids
from p2pchain.cli.testnet.record import NodeRecord, Testnet, TestnetFolder

F = TypeVar("F", bound=Callable[..., Any])
START_S = 15.0


def folder_option(verb: F) -> F:
    path = click.Path(path_type=Path, file_okay=False)
    return click.option("--dir", "folder", type=path, default=Path("testnet-data"), show_default=True, help="The testnet's folder.")(verb)


@click.command()
@folder_option
@json_option
def status(folder: Path, *, as_json: bool) -> None:
    """Show each node: whether it lives, and what its API says."""
    from p2pchain.cli.testnet.look import look_at, print_table  # noqa: PLC0415 - the client, which the other verbs need not load

    found = look_at(TestnetFolder(folder.absolute()).load())
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_table(found)


@click.command()
@folder_option
def down(folder: Path) -> None:
    """End all nodes; the data stay, and `testnet up` goes on with them."""
    place = TestnetFolder(folder.absolute())
    place.load()
    with place.locked():
        testnet = place.load()
        living = [node.name for node in testnet.nodes if pid_of(node) is not None]
        end_nodes(testnet.nodes)
        place.save(with_pids(testnet, {}))
    click.echo(f"ended {', '.join(living)}" if living else "no node was running")


@click.command()
@click.argument("node")
@click.option("--kill", is_flag=True, help="By SIGKILL: as if the power had failed.")
@folder_option
def stop(node: str, folder: Path, *, kill: bool) -> None:
    """End one node."""
    place = TestnetFolder(folder.absolute())
    place.load().node(node)
    with place.locked():
        testnet = place.load()
        found = testnet.node(node)
        pid = pid_of(found)
        if pid is None:
            raise Failure(f"{node} is not running")
        if kill:
            _kill(pid, found)
        else:
            end_nodes([found])
        place.save(testnet.with_node(replace(found, pid=None)))
    click.echo(f"ended {node} (process {pid})")


@click.command()
@click.argument("node")
@folder_option
def start(node: str, folder: Path) -> None:
    """Start one node again."""
    place = TestnetFolder(folder.absolute())
    place.load().node(node)
    with place.locked():
        testnet = place.load()
        found = testnet.node(node)
        if pid := pid_of(found):
            raise Failure(f"{node} runs already (process {pid})")
        _start(place, testnet, found)


@click.command()
@folder_option
def add(folder: Path) -> None:
    """Add an observer, which joins as a stranger with the bundle would, and start it."""
    from p2pchain.cli.testnet.making import Endpoints, make_node  # noqa: PLC0415
    from p2pchain.cli.testnet.ports import reserve_ports  # noqa: PLC0415
    from p2pchain.genesis_file import loads_bundle  # noqa: PLC0415

    place = TestnetFolder(folder.absolute())
    place.load()
    with place.locked(), ExitStack() as stack:
        p2p, api = reserve_ports(2, stack)
        testnet = place.load()
        found = loads_bundle(_bundle_text(testnet), "the testnet's bundle")
        node = make_node(place.path / _free_name(place, testnet), found, Endpoints(p2p, api), "observer", {"p2p.seeds": found.seeds})
        testnet = replace(testnet, nodes=(*testnet.nodes, node))
        place.save(testnet)
        _start(place, testnet, node)


@click.command()
@folder_option
def bundle(folder: Path) -> None:
    """Print the join bundle: genesis and seeds."""
    click.echo(_bundle_text(TestnetFolder(folder.absolute()).load()), nl=False)


def _bundle_text(testnet: Testnet) -> str:
    from p2pchain.genesis_file import dumps_bundle, load_genesis, load_installed  # noqa: PLC0415
    from p2pchain.keystore import NODE_KEY, Keystore  # noqa: PLC0415

    def seed(node: NodeRecord) -> str:
        return f"{Keystore(node.layout.keys).entry(NODE_KEY).public_key.hex()}@{node.p2p}"

    genesis = load_genesis(Path(testnet.genesis))
    living = [node for node in testnet.nodes if node.layout.keys.exists()]  # of some the home is gone for good
    installed = {item.id: item for node in living for item in load_installed(node.layout.recoveries, genesis.chain_id)}
    recoveries = sorted(installed.values(), key=lambda item: item.base.height)
    return dumps_bundle(genesis, [seed(node) for node in living if node.role == "delegate"], recoveries)


def _free_name(place: TestnetFolder, testnet: Testnet) -> str:
    number = len(testnet.nodes) + 1
    while (place.path / f"node-{number}").exists():
        number += 1
    return f"node-{number}"


def _start(place: TestnetFolder, testnet: Testnet, node: NodeRecord) -> None:
    from p2pchain.cli.testnet.readiness import wait_for_answer  # noqa: PLC0415

    children = {node.name: spawn(node)}
    try:
        place.save(testnet.with_node(replace(node, pid=children[node.name].pid)))
        wait_for_answer(node, children, START_S)
    except BaseException:
        end_children(children)
        place.save(testnet.with_node(replace(node, pid=None)))
        raise
    click.echo(f"started {node.name} (process {children[node.name].pid}), API {node.api}")


def _kill(pid: int, node: NodeRecord) -> None:
    send_signal(pid, signal.SIGKILL)
    if not wait_for_end(pid, node.layout, KILL_S):
        raise Failure(f"{node.name} (process {read_pid(node.layout)}) still runs {KILL_S:g} s after SIGKILL")
