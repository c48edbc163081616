"""How long a node takes from its start to its first answer, with a long history and without, after SIGKILL and after SIGTERM.

    .venv/bin/python -m tests.e2e.restart_figures [--accounts 1000000] [--blocks 1000000] [--times 10]

The history is made by executing real blocks of one delegate: transfers of 5,000 a block that open the accounts, then empty
blocks.  Transactions carry no good signature: a restart verifies none.
"""

import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import COMMITMENTS, Changes, StackedView
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.transition import Draft, Parent, execute
from p2pchain.chain.types import AccountId, ChainId, Height, Slot
from p2pchain.chain.votes import certificate_hash
from p2pchain.cli.background import send_signal, spawn_node
from p2pchain.cli.home_making import begin_signing, key_in, make_home, new_home_config
from p2pchain.client import NodeClient
from p2pchain.config import Config, Home
from p2pchain.keystore import Keystore
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.storage import LmdbStore, open_store
from tests.e2e.network import environment
from tests.e2e.ports import free_port
from tests.e2e.process_figures import cpu_seconds
from tests.e2e.waiting import wait_until

SLOT_MS = 1_000
PER_BLOCK = 5_000
AT_ONCE = 50
"""Blocks in one commit while the history is made."""


class Unsigned:
    """Signs nothing: nobody will look."""

    def __init__(self, public_key: bytes) -> None:
        self.public_key = public_key

    def sign(self, _domain: Domain, _chain_id: ChainId, _body: bytes) -> bytes:
        return bytes(64)


class Made(NamedTuple):
    config: Config
    genesis: Genesis
    leader: KeySigner


def make_single(path: Path, blocks: int) -> Made:
    """The home of a delegate that is alone, its genesis so long ago that all blocks have their slot."""
    home = Home(path)
    key = key_in(home, "delegate", lambda: None)
    account = key_in(home, "account", lambda: None).public_key
    began = time.time_ns() // 1_000_000 - (blocks + 1_000) * SLOT_MS
    genesis = Genesis(
        name="restarts",
        address_prefix="p2p",
        genesis_ms=began,
        params=Params(slot_ms=SLOT_MS, delegates=1),
        accounts=(GenesisAccount(account, 10**17),),
        delegates=(GenesisDelegate(account, key.public_key, 0, 10**12),),
    )
    endpoints: dict[str, object] = {name: f"127.0.0.1:{free_port()}" for name in ("p2p.listen", "api.listen")}
    config = new_home_config(path, endpoints)
    make_home(config, genesis)
    begin_signing(home, key.public_key, genesis.chain_id)
    return Made(config, genesis, KeySigner(Keystore(home.keys).load("delegate", None)))


class Chain:
    """Blocks one on the other, kept as final."""

    def __init__(self, made: Made, store: LmdbStore) -> None:
        self._made, self._store = made, store
        self._spec = made.genesis.spec()
        self._reveals = RevealSecret.derive(made.leader, made.genesis.chain_id)
        root = store.recovered().root
        self._schedule: Schedule = root.schedule
        self._root, self._subject = root.state_root, root.subject
        self._layers: list[Changes] = []
        self._waiting: list[StoredBlock] = []
        self._nonce = 0

    def open_accounts(self, number: int) -> None:
        sender = Unsigned(self._made.genesis.accounts[0].account)
        for first in range(0, number, PER_BLOCK):
            until = self._subject.slot + 1_000
            items = []
            for i in range(first, min(number, first + PER_BLOCK)):
                action = Transfer(AccountId(b"\1" * 24 + i.to_bytes(8, "big")), 1)
                raw = build_transaction(sender, self._spec, [action], nonce=self._nonce, valid_until=until)  # type: ignore[arg-type]
                items.append(decode_transaction(raw, self._spec))
                self._nonce += 1
            self.add(items)

    def add(self, transactions: Sequence[Transaction]) -> None:
        view = StackedView(tuple(self._layers), self._store)
        slot = self._subject.slot + 1
        draw = self._reveals.draw(COMMITMENTS.load(view, self._made.leader.public_key), slot)
        assert draw is not None
        parent = Parent(self._subject.height, self._subject.slot, self._root, self._schedule, view)
        executed = execute(parent, Draft(slot, draw, ()), transactions, self._spec)
        header = Header(
            height=Height(self._subject.height + 1),
            slot=Slot(slot),
            parent=self._subject.block,
            producer=self._made.leader.public_key,
            state_root=executed.changes.state_root,
            transactions_root=merkle_root([item.id for item in transactions]),
            certificate_hash=certificate_hash(b""),
            reveal=draw.reveal,
            commitment=draw.commitment,
            set_id=executed.schedule.set_id,
        )
        raw = encode_block(encode_header(header), bytes(64), b"", [item.raw for item in transactions])
        block = decode_envelope(raw).with_transactions(transactions)
        self._subject = self._subject._replace(slot=Slot(slot), height=header.height, block=block.id)
        self._schedule, self._root = executed.schedule, executed.changes.state_root
        self._waiting.append(StoredBlock(block, executed.changes))
        self._layers.insert(0, executed.changes)
        if transactions or len(self._waiting) >= AT_ONCE:
            self.keep()

    def keep(self) -> None:
        self._store.commit(Commit(blocks=self._waiting, final=[item.block.id for item in self._waiting]))
        self._waiting, self._layers = [], []


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


def restart(made: Made, number: int) -> tuple[float, float]:
    """Seconds from the start of the process to its first answer, and of CPU until then; it is ended by a signal."""
    with NodeClient(f"http://{made.config.api.listen}", timeout_s=10) as client:
        began = time.monotonic()
        process = spawn_node(made.config.home, environ=environment())
        try:
            wait_until(client.is_alive, 120, "the node answers")
            seconds, cpu = time.monotonic() - began, cpu_seconds(process.pid)
            assert client.status()["final"]["height"] > 0
        finally:
            send_signal(process.pid, number)  # type: ignore[arg-type]
            process.wait()
    return seconds, cpu


@click.command()
@click.option("--accounts", default=1_000_000, show_default=True, help="Opened by transfers.")
@click.option("--blocks", default=1_000_000, show_default=True, help="After those.")
@click.option("--times", default=10, show_default=True, help="Restarts of each kind.")
def main(accounts: int, blocks: int, times: int) -> None:
    """Measure restarts."""
    for some_accounts, some_blocks in ((5_000, 100), (accounts, blocks)):
        with folder() as place:
            made = make_single(place / "node", some_blocks + math.ceil(some_accounts / PER_BLOCK))
            began = time.monotonic()
            with open_store(made.config.data_path, made.genesis) as store:
                chain = Chain(made, store)
                chain.open_accounts(some_accounts)
                for _ in range(some_blocks):
                    chain.add(())
                chain.keep()
            size = (made.config.data_path / "chain" / "data.mdb").stat().st_size
            click.echo(f"{some_accounts} accounts, {some_blocks} blocks, {size / 1e6:.0f} MB, made in {time.monotonic() - began:.0f} s")
            for name, number in (("SIGKILL", 9), ("SIGTERM", 15)):
                restart(made, number)
                found = [restart(made, number) for _ in range(times)]
                seconds, cpu = sorted(item[0] for item in found), sorted(item[1] for item in found)
                wall = f"p50 {seconds[times // 2]:.2f} s, worst {seconds[-1]:.2f} s"
                click.echo(f"  after {name}: {wall}; CPU p50 {cpu[times // 2]:.2f} s (load {os.getloadavg()[0]:.0f})")


if __name__ == "__main__":
    main()
