"""The verbs of `testnet`."""

from __future__ import annotations

import click

from p2pchain.cli.lazy import LazyGroup, Verb

VERBS = {
    "up": Verb("p2pchain.cli.testnet.up:up", "Start a network, new or the one that the folder holds."),
    "status": Verb("p2pchain.cli.testnet.verbs:status", "Show each node."),
    "down": Verb("p2pchain.cli.testnet.verbs:down", "End all nodes; the data stay."),
    "stop": Verb("p2pchain.cli.testnet.verbs:stop", "End one node."),
    "start": Verb("p2pchain.cli.testnet.verbs:start", "Start one node again."),
    "add": Verb("p2pchain.cli.testnet.verbs:add", "Add an observer that joins."),
    "bundle": Verb("p2pchain.cli.testnet.verbs:bundle", "Print the join bundle: genesis and seeds."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def testnet() -> None:
    """A local network of real nodes, for development and tests."""
