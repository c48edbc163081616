"""Nodes that have a chain already, and homes for those that join them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pchain.bench.made_chain import ChainMaker, Shape, make_genesis, make_senders
from p2pchain.bench.progress import Silent
from p2pchain.client import ClientError, NodeClient
from p2pchain.genesis_file import dumps_genesis
from p2pchain.storage import open_store
from tests.e2e.network import command, environment
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until


def chain_in(place: Path, blocks: int, transactions: int) -> tuple[Path, Path]:
    """The genesis file of a chain that is made here, and a data folder with all of it."""
    shape = Shape(1, 2_000, 4, blocks, transactions)
    genesis, data, file = make_genesis(shape), place / "chain", place / "genesis.toml"
    with open_store(data, genesis) as store:
        ChainMaker(shape, genesis, store, make_senders(shape, genesis)).make(Silent())
    file.write_text(dumps_genesis(genesis))
    return file, data


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
