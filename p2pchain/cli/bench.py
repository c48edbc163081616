"""`p2pchain bench`: what this machine and this program reach."""

from __future__ import annotations

import click

from p2pchain.cli.lazy import LazyGroup, Verb

VERBS = {
    "verify": Verb("p2pchain.cli.benching.verify:verify", "Signatures checked a second: the limit of this machine."),
    "import": Verb("p2pchain.cli.benching.importing:import_", "Importing blocks, cold and from a full mempool, by the size of the ledger."),
    "testnet": Verb("p2pchain.cli.benching.testnet:testnet", "The highest load that a network of real processes makes final in time."),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def bench() -> None:
    """Benchmarks.  Each measures the limit of the machine in the same run, and prints no figure for a run that went wrong."""
