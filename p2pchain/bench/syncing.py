"""`bench sync`: how fast a fresh node catches up with its peers, beside a bare import of the same blocks in the same run.

The chain is made beforehand, by executing and signing it.  Observers that have it and one that has nothing are real
processes on this machine; the clock runs from the fresh node's first connection to its last block.  The bare import is
one process without a network.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from p2pchain.bench.copying import copy_durably
from p2pchain.bench.errors import NotMeasured
from p2pchain.bench.importing import Cost, import_chain
from p2pchain.bench.machine import Described, describe_machine
from p2pchain.bench.made_chain import ChainMaker, Shape, make_genesis, make_senders
from p2pchain.bench.processes import cpu_seconds, resident_mb
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Figures, Result, rounded
from p2pchain.bench.testbed import MakeObserver, ObserverWanted, RunningNode
from p2pchain.bench.verify import limit_figures, measure_limit
from p2pchain.chain.genesis import Genesis
from p2pchain.client import NodeClient
from p2pchain.storage import open_store

POLL_S = 0.1
"""Each question costs the node 2 ms."""
STUCK_S = 60.0
"""Without a further block for so long, it will not come."""


class Plan(NamedTuple):
    accounts: int
    blocks: int
    transactions: int
    peers: int
    seed: int
    profile: Path | None


class Synced(NamedTuple):
    seconds: float
    cpu_s: float
    memory_mb: float
    """The most that it had."""


def measure_sync(plan: Plan, place: Path, make_observer: MakeObserver, progress: Progress) -> Result:
    """`place` is an empty folder."""
    machine = describe_machine()
    limit = measure_limit(plan.seed, progress)
    shape = Shape(plan.seed, plan.accounts, 4, plan.blocks, plan.transactions)
    genesis = make_genesis(shape)
    with open_store(place / "bare", genesis):
        copy_durably(place / "bare", place / "data")
    with open_store(place / "data", genesis) as source:
        ChainMaker(shape, genesis, source, make_senders(shape, genesis)).make(progress)
        bare = import_chain(shape, genesis, source, place / "bare", progress, cached=False)
    synced = _sync(plan, genesis, place, make_observer, progress)
    limit = max(limit, measure_limit(plan.seed, progress))
    return _result(plan, bare, synced, limit, machine)


def _sync(plan: Plan, genesis: Genesis, place: Path, make_observer: MakeObserver, progress: Progress) -> Synced:
    with ExitStack() as stack:
        progress.begin(f"starting {plan.peers} peers", plan.peers)
        peers: list[str] = []
        for number in range(plan.peers):
            wanted = ObserverWanted(genesis, place / f"peer-{number + 1}", tuple(peers), place / "data")
            peers.append(stack.enter_context(make_observer(wanted)).p2p)
            progress.advance()
        fresh = stack.enter_context(make_observer(ObserverWanted(genesis, place / "fresh", peers, None, plan.profile)))
        return _watched(fresh, plan.blocks, progress)


def _watched(fresh: RunningNode, blocks: int, progress: Progress) -> Synced:
    progress.begin("catching up", blocks)
    began, cpu, most_mb, height = time.perf_counter(), cpu_seconds(fresh.pid), 0.0, 0
    moved = began
    with NodeClient(fresh.api, timeout_s=30) as client:
        while True:
            status, now = client.status(), time.perf_counter()
            found = status["final"]["height"]
            most_mb = max(most_mb, resident_mb(fresh.pid))
            if found == blocks:
                return Synced(now - began, cpu_seconds(fresh.pid) - cpu, most_mb)
            if found > height:
                progress.advance(found - height)
                height, moved = found, now
            elif not found and not status["peers"]:
                began, cpu = now, cpu_seconds(fresh.pid)
            if now - moved > STUCK_S:
                raise NotMeasured(f"the fresh node stands at height {found} of {blocks} for {STUCK_S:g} s: {status['condition']}")
            time.sleep(POLL_S)


def _result(plan: Plan, bare: Cost, synced: Synced, limit: float, machine: Described) -> Result:
    count = plan.blocks * plan.transactions
    figures: Figures = {
        "transactions_a_second": rounded(count / synced.seconds, 4),
        "blocks_a_second": rounded(plan.blocks / synced.seconds),
        "seconds": rounded(synced.seconds),
        "node_cpu_us": rounded(1e6 * synced.cpu_s / count),
        "memory_mb": rounded(synced.memory_mb),
        "bare_import_transactions_a_second": rounded(count / bare.seconds, 4),
        "bare_import_cpu_us": rounded(bare.import_us),
        "share_of_bare_import": rounded(bare.seconds / synced.seconds),
    }
    figures |= {name: getattr(plan, name) for name in ("accounts", "blocks", "transactions", "peers")}
    return Result(
        "sync",
        f"a fresh node process catches up with {plan.blocks} blocks of {plan.transactions} transfers from {plan.peers} peer processes on "
        "the same machine, durable; the clock runs from its first connection to its last block; CPU is its own",
        figures,
        limit_figures(limit),
        rounded(count / synced.seconds / limit),
        seed=plan.seed,
        machine=machine,
    )
