"""`bench import`: what a block costs whoever takes it in, with nothing of it known before and with everything.

The very engine, intake, verifier and store of a node, without its network: a block's bytes are read, its signatures
checked, it is executed, made durable, and made final by its confirms.  *Cold*: no transaction was seen before, as in a
node that catches up.  *Cached*: the mempool holds them all, verified, as in a node that is in step; what admitting them
cost is a figure of its own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import trio

from p2pchain.bench.copying import copy_durably
from p2pchain.bench.machine import describe_machine
from p2pchain.bench.made_chain import SLOT_MS, ChainMaker, Shape, make_genesis, make_senders
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Curve, Figures, Result, Series, number, rounded
from p2pchain.bench.verify import limit_figures, measure_limit
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.mempool import Limits
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.events import Event, Peer
from p2pchain.node.intake import Intake
from p2pchain.node.ports import FinalBlock
from p2pchain.runtime.verifier import Verifier
from p2pchain.storage import LmdbStore, open_store
from p2pchain.wire.messages import TRANSACTIONS_MAX, BlockMessage, CertificateMessage, Message, Transactions

_PEER = Peer(1)


class Cost(NamedTuple):
    """Of one way to import all blocks; in microseconds of CPU a transaction, all threads together."""

    seconds: float
    admit_us: float
    import_us: float
    """The median over the blocks."""


def measure_import(sizes: Sequence[int], blocks: int, transactions: int, seed: int, place: Path, progress: Progress) -> Result:
    """`sizes` are numbers of accounts, the smallest first; `place` is an empty folder."""
    machine = describe_machine()
    limit = measure_limit(seed, progress)
    rows = [measure_shape(Shape(seed, accounts, 4, blocks, transactions), place, progress) for accounts in sizes]
    limit = max(limit, measure_limit(seed, progress))
    first, last = rows[0], rows[-1]
    figures: Figures = {
        "cold_transactions_a_second": first["cold_transactions_a_second"],
        "cold_cpu_us": first["cold_cpu_us"],
        "cached_cpu_us": first["cached_cpu_us"],
        "transactions": blocks * transactions,
    }
    if len(rows) > 1:
        figures[f"cost_at_{sizes[-1]}_of_that_at_{sizes[0]}_cold"] = rounded(number(last, "cold_cpu_us") / number(first, "cold_cpu_us"))
        figures[f"cost_at_{sizes[-1]}_of_that_at_{sizes[0]}_cached"] = rounded(
            number(last, "cached_cpu_us") / number(first, "cached_cpu_us")
        )
    return Result(
        "import",
        f"{blocks} blocks of {transactions} transfers imported durably in one process without a network, cold and from a full mempool, "
        "at each number of accounts; CPU in microseconds a transaction, all threads, median over the blocks",
        figures,
        limit_figures(limit),
        rounded(number(first, "cold_transactions_a_second") / limit),
        seed=seed,
        rows=rows,
        curve=_curve(rows),
        machine=machine,
    )


def _curve(rows: Sequence[Figures]) -> Curve:
    series = [Series(name, [(number(row, "accounts"), number(row, f"{name}_cpu_us")) for row in rows]) for name in ("cold", "cached")]
    return Curve("Cost of importing a transaction", "accounts", "us of CPU", series)


def measure_shape(shape: Shape, place: Path, progress: Progress) -> Figures:
    """The chain is made in one store and imported into two others, each begun at the genesis."""
    genesis = make_genesis(shape)
    folder = place / f"accounts-{shape.accounts}"
    progress.begin(f"a ledger of {shape.accounts:,} accounts", 1)
    with open_store(folder / "source", genesis):
        progress.advance()
    for name in ("cold", "cached"):
        copy_durably(folder / "source", folder / name)
    with open_store(folder / "source", genesis) as source:
        ChainMaker(shape, genesis, source, make_senders(shape, genesis)).make(progress)
        cold = import_chain(shape, genesis, source, folder / "cold", progress, cached=False)
        cached = import_chain(shape, genesis, source, folder / "cached", progress, cached=True)
    shutil.rmtree(folder)
    count = shape.blocks * shape.transactions
    return {
        "accounts": shape.accounts,
        "cold_transactions_a_second": rounded(count / cold.seconds, 4),
        "cold_cpu_us": rounded(cold.import_us),
        "cached_transactions_a_second": rounded(count / cached.seconds, 4),
        "cached_cpu_us": rounded(cached.import_us),
        "admit_cpu_us": rounded(cached.admit_us),
    }


def import_chain(shape: Shape, genesis: Genesis, source: LmdbStore, folder: Path, progress: Progress, *, cached: bool) -> Cost:
    progress.begin(f"importing, {'cached' if cached else 'cold'}", shape.blocks)
    with importing_node(genesis, folder) as node:
        return trio.run(_import_all, shape, source, node, progress, cached)


async def _import_all(shape: Shape, source: LmdbStore, node: ImportingNode, progress: Progress, cached: bool) -> Cost:  # noqa: FBT001
    costs, admitted, seconds = [], 0.0, 0.0
    for height in range(1, shape.blocks + 1):
        found = source.final_block(height)
        assert found is not None, "every block was made here"
        if cached:
            admitted += await node.admit(found)
        began, cpu = time.perf_counter(), time.process_time()
        await node.import_block(found)
        seconds += time.perf_counter() - began
        costs.append((time.process_time() - cpu) / shape.transactions * 1e6)
        progress.advance()
    assert node.engine.core.tree.root.height == shape.blocks, "every block is final"
    return Cost(seconds, admitted / (shape.blocks * shape.transactions) * 1e6, median(costs))


class ImportingNode:
    """A node without edges: what a peer would send goes in, what it decides goes to its disk and nowhere else."""

    def __init__(self, genesis: Genesis, store: LmdbStore) -> None:
        spec = genesis.spec()
        self._store = store
        self._spec = spec
        self._now_ms = spec.genesis_ms
        self.engine = Engine(spec, store.recovered().root, store, Identity(), Limits(), self._now_ms)
        self._intake = Intake(self.engine.core, self.engine.expects, self.engine.consensus.known_voters)
        self._verifier = Verifier()

    async def admit(self, found: FinalBlock) -> float:
        """Take a block's transactions as a peer's; the CPU seconds that it took."""
        block, _ = self._intake.read_block(found.raw)
        items = [transaction.raw for transaction in block.transactions]
        cpu = time.process_time()
        for start in range(0, len(items), TRANSACTIONS_MAX):
            await self._receive(Transactions(tuple(items[start : start + TRANSACTIONS_MAX])))
        return time.process_time() - cpu

    async def import_block(self, found: FinalBlock) -> None:
        """The block, then the confirms that make it final."""
        self._now_ms += SLOT_MS
        await self._receive(BlockMessage(found.raw))
        await self._receive(CertificateMessage(found.certificate))

    async def _receive(self, message: Message) -> None:
        opened = self._intake.open(_PEER, message)
        assert opened is not None, "nothing of it is known"
        await self._handle(opened.finish(await self._verifier.verify(opened.checks)))

    async def _handle(self, event: Event) -> None:
        effects = self.engine.handle(event, self._now_ms)
        if effects.commit:
            self._store.stage(effects.commit)
            await trio.to_thread.run_sync(self._store.sync)
            self.engine.settled()


@contextmanager
def importing_node(genesis: Genesis, folder: Path) -> Iterator[ImportingNode]:
    with open_store(folder, genesis) as store:
        yield ImportingNode(genesis, store)
