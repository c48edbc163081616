"""How fast a fresh node catches up, beside a bare import of the same blocks in the same run.

    .venv/bin/python -m tests.e2e.sync_figures --blocks 300 --transactions 1000 --peers 2

Real processes on loopback: `--peers` observers that have the chain, and one that has nothing.  The bare import is what no
sync can be faster than with this code: read each block, check all signatures on both cores, execute it, count its
confirms, make it durable; no network, no other node on the same cores.  With `--dir` the chain is kept and used again;
with `--profile FILE` the fresh node runs under cProfile.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trio

from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.mempool import Limits
from p2pchain.chain.params import Params
from p2pchain.chain.state import Changes
from p2pchain.chain.votes import Kind, decode_certificate
from p2pchain.client import ClientError, NodeClient
from p2pchain.genesis_file import dumps_genesis, load_genesis
from p2pchain.node.effects import Commit, Effects
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.intake import Intake, require_verified
from p2pchain.node.ports import FinalBlock
from p2pchain.runtime.verifier import Verifier
from p2pchain.storage import LmdbStore, open_store
from tests.e2e.network import command, environment
from tests.e2e.ports import free_port
from tests.e2e.process_figures import cpu_seconds, resident_mb
from tests.e2e.waiting import wait_until
from tests.fakes.chain import ChainMaker, signer

SLOT_MS = 500
POLL_S = 0.3
ACCOUNTS = 2_000
DEADLINE_S = 1_200.0


def main() -> None:
    options = parsed()
    with ExitStack() as stack:
        place = options.dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.mkdir(parents=True, exist_ok=True)
        genesis, data = chain_in(place, options.blocks, options.transactions)
        transactions = options.blocks * options.transactions
        with open_store(data, genesis) as source:
            begin, cpu = time.perf_counter(), time.process_time()
            trio.run(bare_import, genesis, source, place / "bare", options.blocks)
            bare_s, bare_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        tell("bare import", transactions, bare_s, bare_cpu_s)
        shutil.rmtree(place / "bare")
        sync_s, cpu_s, memory_mb = synced(place, genesis, data, options)
        tell(f"sync from {options.peers} peers", transactions, sync_s, cpu_s)
        words = f"ratio {bare_s / sync_s:.2f} by the clock, {bare_cpu_s / cpu_s:.2f} by CPU"
        print(f"{words}; memory of the fresh node {memory_mb:.0f} MB; load {os.getloadavg()[0]:.1f}")  # noqa: T201


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=300)
    parser.add_argument("--transactions", type=int, default=1_000)
    parser.add_argument("--peers", type=int, default=2)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--profile", type=Path)
    return parser.parse_args()


def tell(what: str, transactions: int, seconds: float, cpu_s: float) -> None:
    rate, cost_us = transactions / seconds, cpu_s / transactions * 1e6
    print(f"{what:<20} {rate:>8,.0f} transactions/s {seconds:>7.1f} s, CPU {cpu_s:>6.1f} s, {cost_us:.0f} us each", flush=True)  # noqa: T201


# --- the chain


def chain_in(place: Path, blocks: int, transactions: int) -> tuple[Genesis, Path]:
    """A data folder with the whole chain; made once for each folder and size."""
    assert ACCOUNTS % transactions == 0, (
        f"{transactions} transactions a block, a divisor of {ACCOUNTS} wanted: each account sends in its turn"
    )
    data, file = place / f"chain-{blocks}-{transactions}", place / f"genesis-{blocks}-{transactions}.toml"
    if file.exists():
        return load_genesis(file), data
    shutil.rmtree(data, ignore_errors=True)
    genesis = make_genesis(blocks)
    maker = ChainMaker(genesis)
    at = maker.root
    with open_store(data, genesis) as store:
        for number in range(blocks):
            at = maker.extend(at, transfers=0, transactions=maker.transfers(at, transactions, first=number * transactions % ACCOUNTS))
            at = at._replace(layers=(Changes(at.rows, at.changes.state_root, at.nodes),))
            confirms = maker.certificate(at, Kind.CONFIRM)
            store.commit(Commit(blocks=[at.stored], final=[at.subject.block], confirms=[confirms]))
    file.write_text(dumps_genesis(genesis))
    return genesis, data


def make_genesis(blocks: int) -> Genesis:
    """So old that its last block's slot is over."""
    return Genesis(
        name="figures",
        address_prefix="p2p",
        genesis_ms=int(time.time() * 1_000) // 1_000 * 1_000 - (blocks + 100) * SLOT_MS,
        params=Params(slot_ms=SLOT_MS, delegates=4, heartbeat_slots=1_000_000),
        accounts=tuple(GenesisAccount(signer(3000 + i).public_key, 10**12) for i in range(ACCOUNTS)),
        delegates=tuple(GenesisDelegate(signer(2000 + i).public_key, signer(1000 + i).public_key, 500, 10**9 + i) for i in range(4)),
    )


# --- without a network


async def bare_import(genesis: Genesis, source: LmdbStore, folder: Path, blocks: int) -> None:
    with open_store(folder, genesis) as store:
        spec = genesis.spec()
        now_ms = int(time.time() * 1_000)
        engine = Engine(spec, store.recovered().root, store, Identity(), Limits(), now_ms)
        intake, verifier = Intake(engine.core), Verifier()
        for height in range(1, blocks + 1):
            found = source.final_block(height)
            assert found is not None
            await import_one(engine, intake, verifier, store, found)
        assert engine.core.tree.root.height == blocks


async def import_one(engine: Engine, intake: Intake, verifier: Verifier, store: LmdbStore, found: FinalBlock) -> None:
    block, checks = intake.read_block(found.raw)
    proof = decode_certificate(found.certificate)
    checks = checks + intake._certificate_checks(proof)
    verified = require_verified(block, await verifier.verify(checks), "block")
    core = engine.core
    core.effects = Effects()
    engine.importer.add(verified.value, in_sync=True)
    core.head = core.tree.head()
    engine.consensus.accept_certificate(proof)
    store.stage(core.effects.commit)
    await trio.to_thread.run_sync(store.sync)
    engine.settled()


# --- with one


def synced(place: Path, genesis: Genesis, data: Path, options: argparse.Namespace) -> tuple[float, float, float]:
    """(seconds from the first connection to the last block, CPU seconds and MB of the fresh node)."""
    with ExitStack() as stack:
        homes = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
        file = homes / "genesis.toml"
        file.write_text(dumps_genesis(genesis))
        peers: list[str] = []
        for number in range(options.peers):
            home, listen = made_home(homes / f"peer-{number}", file, peers)
            shutil.rmtree(home / "data", ignore_errors=True)
            shutil.copytree(data, home / "data")
            stack.enter_context(running(home, []))
            peers.append(listen)
        home, _ = made_home(homes / "fresh", file, peers)
        profiled = ["-m", "cProfile", "-o", str(options.profile)] if options.profile else []
        process = stack.enter_context(running(home, profiled))
        return watched(home, process.pid, options.blocks)


def made_home(home: Path, genesis_file: Path, peers: list[str]) -> tuple[Path, str]:
    api, listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    settings = ["--set", f"api.listen={api}", "--set", f"p2p.listen={listen}"]
    if peers:
        settings += ["--set", f"p2p.persistent_peers={','.join(peers)}"]
    command("init", "--genesis", str(genesis_file), "--home", str(home), *settings)
    (home / "api").write_text(f"http://{api}")
    return home, listen


@contextmanager
def running(home: Path, options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *options, "-m", "p2pchain", "run", "--home", str(home)], stderr=log, env=environment())
    try:
        with NodeClient((home / "api").read_text()) as client:
            wait_until(lambda: answers(client), 30, f"{home} answers")
        yield process
    finally:
        process.terminate()
        process.wait(30)


def answers(client: NodeClient) -> bool:
    try:
        return client.is_alive()
    except ClientError:
        return False


def watched(home: Path, pid: int, blocks: int) -> tuple[float, float, float]:
    begin, cpu, most_mb, deadline = time.perf_counter(), cpu_seconds(pid), 0.0, time.monotonic() + DEADLINE_S
    with NodeClient((home / "api").read_text(), timeout_s=30) as client:
        while time.monotonic() < deadline:
            status = client.status()
            most_mb = max(most_mb, resident_mb(pid))
            if status["final"]["height"] == blocks:
                return time.perf_counter() - begin, cpu_seconds(pid) - cpu, most_mb
            if not status["final"]["height"] and not status["peers"]:
                begin, cpu = time.perf_counter(), cpu_seconds(pid)
            time.sleep(POLL_S)  # each question costs the node 2 ms
    raise AssertionError(f"not in step after {DEADLINE_S:g} s: {(home / 'log').read_text()[-4000:]}")


if __name__ == "__main__":
    main()
