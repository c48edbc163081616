"""Nodes that have a chain already, and homes for those that join them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.votes import Kind
from p2pchain.client import ClientError, NodeClient
from p2pchain.genesis_file import dumps_genesis, load_genesis
from p2pchain.node.effects import Commit
from p2pchain.storage import open_store
from tests.e2e.network import command, environment
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until
from tests.fakes.chain import ChainMaker, signer

SLOT_MS = 500
ACCOUNTS = 2_000


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
            at = at._replace(layers=(at.rows,))
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
