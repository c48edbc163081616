"""How long a commit and a signature take off the loop while the loop is busy: the thread gets the interpreter's lock only so often.

    .venv/bin/python -m tests.runtime.handover_figures

On the wall's clock, because waiting is what is measured; medians, beside the same with an idle loop.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from statistics import median
from time import perf_counter

import click

from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.votes import Kind
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import Commit, SignBallot
from p2pchain.runtime.signing import SigningDesk
from p2pchain.storage import SignStateFile, open_store
from tests.fakes.chain import ChainMaker, make_genesis
from tests.fakes.world import signer
from tests.runtime.path_figures import payments

ROUNDS = 40
INTERVALS_S = (0.005, 0.001, 0.0005, 0.0001)


@click.command()
def main() -> None:
    """Measure with an idle and with a busy loop."""
    click.echo(f"{'switch interval':<24}{'loop':<10}{'commit and record, ms':>24}{'decoded meanwhile, us each':>30}")
    for interval in INTERVALS_S:
        sys.setswitchinterval(interval)
        for busy in (False, True):
            took, each = measure(busy=busy)
            click.echo(f"{interval * 1000:>6.1f} ms{'':<15}{'busy' if busy else 'idle':<10}{took:>24.1f}{each:>30.1f}")


def measure(*, busy: bool) -> tuple[float, float]:
    genesis = make_genesis(accounts=16)
    maker, key = ChainMaker(genesis), signer(1000)
    items = payments(genesis, 200, 16)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "data", genesis) as store:
        (Path(folder) / "signing").mkdir()
        with SignStateFile(Path(folder) / "signing", key.public_key, genesis.chain_id) as states:
            states.load()
            desk = SigningDesk(key, states, genesis.chain_id)
            blocks = iter(maker.line(maker.root, [1] * ROUNDS))
            times: list[float] = []
            state = SignState()

            def write() -> None:
                nonlocal state
                began = perf_counter()
                made = next(blocks)
                store.stage(Commit(blocks=[made.stored]))
                store.sync()
                state = state._replace(voted=made.subject)
                desk.record(SignBallot(Kind.VOTE, made.subject, state))
                times.append((perf_counter() - began) * 1000)

            decoded, began = 0, perf_counter()
            for _ in range(ROUNDS):
                thread = threading.Thread(target=write)
                thread.start()
                while busy and thread.is_alive():
                    for raw in items:
                        decode_transaction(raw, maker.spec)
                    decoded += len(items)
                thread.join()
            each = (perf_counter() - began) / decoded * 1e6 if decoded else 0.0
    return median(times), each


if __name__ == "__main__":
    main()
