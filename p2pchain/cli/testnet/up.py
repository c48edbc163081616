"""`testnet up`: a network, new or as its folder holds it, until Ctrl-C or in the background."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click

from p2pchain.chain.params import Params
from p2pchain.cli.failures import Failure
from p2pchain.cli.testnet.interruption import Interruption, interruptions
from p2pchain.cli.testnet.making import Size, make_testnet
from p2pchain.cli.testnet.moving import move_taken_ports
from p2pchain.cli.testnet.ports import reserve_ports
from p2pchain.cli.testnet.processes import Children, end_nodes, pid_of, spawn_all, with_pids
from p2pchain.cli.testnet.record import Testnet, TestnetFolder
from p2pchain.cli.testnet.verbs import folder_option
from p2pchain.genesis_file import load_genesis

DELEGATES = 4
ACCOUNTS = 16
_SLOT_MS = Params.__dataclass_fields__["slot_ms"].metadata
SLOT_MS = Params().slot_ms


class Wishes(NamedTuple):
    """What was asked for; None where nothing was."""

    delegates: int | None
    accounts: int | None
    slot_ms: int | None


@click.command()
@click.option("--delegates", type=click.IntRange(1, 101), help=f"How many delegates [{DELEGATES}].")
@click.option("--accounts", type=click.IntRange(0, 10_000), help=f"How many funded accounts [{ACCOUNTS}].")
@click.option(
    "--slot-ms",
    type=click.IntRange(_SLOT_MS["low"], _SLOT_MS["high"]),
    help=f"Length of a slot in milliseconds [{SLOT_MS}].",
)
@folder_option
@click.option("--detach", is_flag=True, help="Leave the nodes running in the background; end them with: p2pchain testnet down.")
@click.option("--sample-transfers", is_flag=True, help="Send about five transfers a second between the accounts, and show them.")
def up(delegates: int | None, accounts: int | None, slot_ms: int | None, folder: Path, *, detach: bool, sample_transfers: bool) -> None:
    """Start a network on loopback: new, or the one that the folder holds."""
    begin = time.monotonic()
    if detach and sample_transfers:
        raise click.UsageError("--sample-transfers needs this command to go on; leave out --detach")
    place = TestnetFolder(folder.absolute())
    with interruptions() as interruption, ExitStack() as ending:
        with ExitStack() as held_ports:
            children = _start(place, Wishes(delegates, accounts, slot_ms), ending, held_ports, tied=not detach)
            _wait(place.load(), children, interruption, begin)
        if detach:
            ending.pop_all()
            click.echo(f"running in the background; see: p2pchain testnet status --dir {folder}")
            return
        _watch(place, children, interruption, sample_transfers=sample_transfers)


def _start(place: TestnetFolder, wishes: Wishes, ending: ExitStack, held_ports: ExitStack, *, tied: bool) -> Children:
    """Processes for all nodes; `ending` ends them, and all others of this testnet, when it is closed."""
    with place.locked():
        testnet = (_resumed if place.exists() else _made)(place, wishes, held_ports)
        place.save(testnet)
        children = spawn_all(testnet, tied=tied)
        ending.callback(_end, place, children)
        place.save(with_pids(testnet, children))
    return children


def _made(place: TestnetFolder, wishes: Wishes, held_ports: ExitStack) -> Testnet:
    accounts = ACCOUNTS if wishes.accounts is None else wishes.accounts
    size = Size(wishes.delegates or DELEGATES, accounts, wishes.slot_ms or SLOT_MS)
    return make_testnet(place, size, reserve_ports(2 * size.delegates, held_ports))


def _resumed(place: TestnetFolder, wishes: Wishes, held_ports: ExitStack) -> Testnet:
    testnet = place.load()
    if living := [node.name for node in testnet.nodes if pid_of(node) is not None]:
        raise Failure(f"the testnet in {place.path} runs already ({', '.join(living)}); see: p2pchain testnet status --dir {place.path}")
    held = Wishes(
        sum(node.role == "delegate" for node in testnet.nodes), len(testnet.accounts), load_genesis(Path(testnet.genesis)).params.slot_ms
    )
    for name, wish, has in zip(Wishes._fields, wishes, held, strict=True):
        if wish not in (None, has):
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{place.path} holds a testnet with {option} {has}, {wish} was asked for; name another --dir")
    click.echo(f"going on with the testnet in {place.path}")
    return move_taken_ports(testnet, held_ports)


def _wait(testnet: Testnet, children: Children, interruption: Interruption, begin: float) -> None:
    from p2pchain.cli.testnet.readiness import wait_for_final_block  # noqa: PLC0415 - loaded while the nodes start

    height = wait_for_final_block(testnet, children, interruption)
    click.echo(f"{len(children)} nodes, final block {height} after {time.monotonic() - begin:.1f} s")
    click.echo(f"chain id {testnet.chain_id}")
    click.echo(f"API of {testnet.nodes[0].name}: {testnet.nodes[0].api}")


def _watch(place: TestnetFolder, children: Children, interruption: Interruption, *, sample_transfers: bool) -> None:
    from p2pchain.cli.testnet.watching import watch  # noqa: PLC0415 - loaded while the nodes start

    watch(place, children, interruption, sample_transfers=sample_transfers)
    click.echo("ending all nodes")


def _end(place: TestnetFolder, children: Children) -> None:
    """Ends what the record names (another command may have started nodes again) and what this command started."""
    with place.locked():
        testnet = place.load()
        end_nodes([*testnet.nodes, *with_pids(testnet, children).nodes])
        place.save(with_pids(testnet, {}))
