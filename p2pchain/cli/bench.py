"""`p2pchain bench`: what this machine and this program reach."""

from __future__ import annotations

import click

from p2pchain.cli.lazy import LazyGroup, Verb

VERBS = {
    "verify": Verb("p2pchain.cli.benching.verify:verify", "Signatures checked a second: the limit of this machine."),
    "import": Verb("p2pchain.cli.benching.importing:import_", "Importing blocks, cold and from a full mempool, by the size of the ledger."),
    "testnet": Verb("p2pchain.cli.benching.testnet:testnet", "The highest load that a network of real processes makes final in time."),
    "latency": Verb("p2pchain.cli.benching.latency:latency", "Submit to final: idle and at half load, all nodes up and one dead."),
    "sync": Verb("p2pchain.cli.benching.syncing:sync", "How fast a fresh node catches up with its peers."),
    "api": Verb("p2pchain.cli.benching.api:api", "Handing in transactions one by one, in bulk, and in a stream."),
    "rest": Verb("p2pchain.cli.benching.rest:rest", "CPU and memory of nodes that nobody uses."),
    "scale": Verb("p2pchain.cli.benching.scale:scale", "How the cost grows with accounts, delegates, and transactions in a block."),
    "guard": Verb("p2pchain.cli.benching.guard:guard", "Whether a change made the node slower, in two minutes."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def bench() -> None:
    """Benchmarks.  Each measures the limit of the machine in the same run, and prints no figure for a run that went wrong."""
