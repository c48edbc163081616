"""The program itself: all verbs with their one line of help, none of them loaded before it is used."""

from __future__ import annotations

import click

from p2pchain.cli.lazy import LazyGroup, Verb
from p2pchain.cli.options import home_option

VERBS = {
    "testnet": Verb("p2pchain.cli.testnet.group:testnet", "A local network of real nodes, for development and tests."),
    "init": Verb("p2pchain.cli.homes:init", "Make the home of a node."),
    "join": Verb("p2pchain.cli.homes:join", "Make the home of a node that joins the network of a bundle."),
    "genesis": Verb(
        "p2pchain.cli.founding:genesis", "Found a network of several organisations: a card from each, composed to a join bundle."
    ),
    "run": Verb("p2pchain.cli.node:run", "Run the node in the foreground."),
    "start": Verb("p2pchain.cli.node:start", "Start the node in the background."),
    "stop": Verb("p2pchain.cli.node:stop", "Stop the node that runs in the background."),
    "status": Verb("p2pchain.cli.node:status", "Show what the node is doing."),
    "keys": Verb("p2pchain.cli.keys:keys", "Make, show and move keys."),
    "tx": Verb("p2pchain.cli.tx:tx", "Send and look up transactions."),
    "account": Verb("p2pchain.cli.reads:account", "Show an account."),
    "block": Verb("p2pchain.cli.reads:block", "Show a block by height, hash, 'head' or 'final'."),
    "delegates": Verb("p2pchain.cli.reads:delegates", "List the delegates by weight."),
    "schedule": Verb("p2pchain.cli.reads:schedule", "Show whose slots come next."),
    "params": Verb("p2pchain.cli.reads:params", "Show the parameters in force, and what delegates want to change."),
    "peers": Verb("p2pchain.cli.peers:peers", "List the connected peers and the refused ones; ban and unban."),
    "mempool": Verb("p2pchain.cli.reads:mempool", "Show the transactions that wait for a block."),
    "delegate": Verb(
        "p2pchain.cli.delegate:delegate", "Register, retire, pause and resume a delegate, say that it is back, vote on the terms."
    ),
    "stake": Verb("p2pchain.cli.stake:stake", "Lock coins to a delegate."),
    "unstake": Verb("p2pchain.cli.stake:unstake", "Unlock coins from a delegate."),
    "claim": Verb("p2pchain.cli.stake:claim", "Claim the rewards of a stake."),
    "sim": Verb("p2pchain.cli.sim:sim", "Simulate a whole network with faults, from one seed."),
    "evidence": Verb("p2pchain.cli.evidence:evidence", "List and submit contradicting signatures of delegates."),
    "recovery": Verb("p2pchain.cli.recovery:recovery", "Go on without delegates that are gone for good."),
    "proof": Verb("p2pchain.cli.light.proof:proof", "Fetch the proof of an account or a transaction."),
    "verify-proof": Verb("p2pchain.cli.light.verify:verify_proof", "Check the proof in a file, without a network."),
    "attack": Verb("p2pchain.cli.attack:attack", "Attack a node of your own with bad peers, and see whether it behaves."),
    "verify": Verb("p2pchain.cli.verify:verify", "Check the chain of the home again, from the first block to the last row."),
    "repair": Verb("p2pchain.cli.repair:repair", "Keep what is sound of a damaged chain; peers give the rest."),
    "export": Verb("p2pchain.cli.export:export", "Write blocks, transfers or accounts to a file, as JSON Lines or Parquet."),
    "import": Verb("p2pchain.cli.chain_import:import_chain", "Make the home's chain from a file of exported blocks."),
    "doctor": Verb("p2pchain.cli.doctor.verb:doctor", "Look for what is wrong with the node, and say what to do."),
    "config": Verb("p2pchain.cli.configuration:config", "Check and show the configuration, and have the running node read it again."),
    "completion": Verb("p2pchain.cli.completion:completion", "Print the completion script of a shell: bash, zsh or fish."),
}


def _print_version(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value:
        from p2pchain.cli.version import print_version  # noqa: PLC0415 - loaded when it is used, as all verbs are

        print_version(context, parameter, value)


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Version, commit and protocol.")
@home_option
def program() -> None:
    """A peer-to-peer blockchain node for private networks."""


def main() -> None:
    program.main(prog_name="p2pchain")
