"""What the pool costs a node by how much waits in it, in ms of processor time: it must not grow with what waits.

    .venv/bin/python -m tests.runtime.pool_figures [--waiting 5000 --waiting 50000]

Every waiting transaction has a sender of its own, which is the worst case; a block takes 5,000 of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import click

from p2pchain.node import events
from p2pchain.node.effects import SignBlock
from tests.fakes.world import make_genesis
from tests.runtime.path_figures import DELEGATES, Bench, Stages, leader_of, payments, submit

BLOCK = 5_000


@click.command()
@click.option("--waiting", multiple=True, type=int, default=(BLOCK, 10 * BLOCK), show_default=True)
def main(waiting: tuple[int, ...]) -> None:
    """Measure pools of several sizes."""
    tables = [measure(count) for count in waiting]
    click.echo(f"{'waiting':<50}" + "".join(f"{count:>12,}" for count in waiting))
    for name in tables[0]:
        click.echo(f"{name:<50}" + "".join(f"{table[name]:>9.2f} ms" for table in tables))


def measure(waiting: int) -> dict[str, float]:
    genesis = make_genesis(DELEGATES, accounts=waiting, block_transactions_max=BLOCK, block_bytes_max=4 << 20)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(genesis, 0, Path(folder) / "data", Stages())
        slot = next(slot for slot in range(4, 20) if leader_of(bench, slot) == 0)
        submit(bench, payments(genesis, waiting, waiting))
        bench.now_ms = bench.spec.slot_start_ms(slot) + 1
        pool, view = bench.engine.core.pool, bench.engine.core.head_view()
        found: dict[str, float] = {}

        def took(name: str, work: Callable[[], object]) -> None:
            begun = process_time()
            work()
            found[name] = (process_time() - begun) * 1000

        took(f"choose {BLOCK:,} for a block", lambda: list(pool.select(view, bytes_max=4 << 20, count_max=BLOCK)))
        took("is anything ready", lambda: pool.has_ready(view))
        took("drop what expired (nothing)", lambda: pool.expire(slot, view))
        signs: list[SignBlock] = []
        took("choose, execute and encode a block", lambda: signs.extend(_produce(bench)))
        took(f"settle {BLOCK:,} that became final", lambda: pool.settle(signs[0].transactions))
        bench.close()
    return found


def _produce(bench: Bench) -> list[SignBlock]:
    return [sign for sign in bench.engine.handle(events.TimeReached(), bench.now_ms).sign if isinstance(sign, SignBlock)]


if __name__ == "__main__":
    main()
