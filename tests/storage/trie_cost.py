"""What the state root costs: `python -m tests.storage.trie_cost --accounts 1000000`.

Blocks of transfers between accounts drawn at random, each made final at once in a real store, as a node does it: the new
root from the nodes in memory and on disk, then the commit, which writes its share of earlier blocks' rows and nodes.  CPU
time of the process, per transfer.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from p2pchain.chain.block import Block, Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.codec import encode
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.state import ACCOUNTS, GLOBALS, Account, Changes
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.trie.update import root_of, update
from p2pchain.chain.types import ZERO_HASH, Height, PublicKey, Slot
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.storage import open_store
from p2pchain.storage.durable import ProcessLock
from p2pchain.storage.environment import NAME, Environment
from p2pchain.storage.store import LmdbStore, Settings
from tests.fakes.chain import GENESIS_MS, signer

BALANCE = 10**9
T = TypeVar("T")


class Costs(NamedTuple):
    """Microseconds of CPU for each transfer of a block."""

    root: float
    commit: float
    nodes: int
    """Bytes of the nodes that it made."""


def main() -> None:
    asked = arguments()
    random.seed(asked.seed)
    if asked.made_in:
        make(asked)
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        # a genesis of a million accounts leaves more memory behind than all that is measured here
        subprocess.run([sys.executable, "-m", __spec__.name, *sys.argv[1:], "--made-in", folder], check=True)
        with opened(folder) as store:
            keys = [key for key, _ in rows_on_disk(store) if key.startswith(ACCOUNTS.prefix)]
            transfers(store, keys, asked)
        say("on disk after it", f"{size_of(folder) >> 20} MB")
        took, store = timed(lambda: opened(folder))
        with store:
            say("opened again, with the tail of the log", f"{took:.2f} s of CPU")
            whole(store)


def make(asked: argparse.Namespace) -> None:
    genesis, folder = make_genesis(asked.accounts), asked.made_in
    took, store = timed(lambda: open_store(folder, genesis))
    store.close()
    say(f"a store of {asked.accounts:,} accounts made", f"{took / asked.accounts * 1e6:.1f} us an account, {size_of(folder) >> 20} MB")


def opened(folder: Path) -> LmdbStore:
    """Without the genesis that it must be of."""
    return LmdbStore(folder, Environment(folder / NAME), ProcessLock(folder / "lock"), Settings())


def rows_on_disk(store: LmdbStore) -> list[tuple[bytes, bytes]]:
    view = store._view
    with view.txn.cursor(db=view.environment.rows) as cursor:
        return list(cursor)


def transfers(store: LmdbStore, keys: list[bytes], asked: argparse.Namespace) -> None:
    chain = Chain(store, keys)
    before, costs, held = memory_mb(), list[Costs](), list[int]()
    for _ in range(asked.blocks):
        costs.append(chain.extend(asked.transfers))
        held.append(memory_mb() - before)
    costs = costs[asked.blocks // 3 :]
    for name, values in (("state root", [cost.root for cost in costs]), ("commit", [cost.commit for cost in costs])):
        say(f"{name}, us a transfer: median, worst block", f"{statistics.median(values):.2f}, {max(values):.2f}")
    say("memory beyond that before, median and most", f"{statistics.median(held):.0f} MB, {max(held)} MB")
    say("nodes made by a block", f"{statistics.median(cost.nodes for cost in costs) / asked.transfers:.0f} bytes a transfer")


def whole(store: LmdbStore) -> None:
    rows = [(key, store.get(key) or b"") for key, _ in rows_on_disk(store)]
    took, root = timed(lambda: root_of(rows))
    assert root == store.recovered().root.state_root, "all rows together have the root of the last block"
    say("root of all rows", f"{took / len(rows) * 1e6:.2f} us a row")
    some = [key for key, _ in random.sample(rows, min(1_000, len(rows)))]
    took, sizes = timed(lambda: [sum(map(len, nodes_to(store.node, key))) for key in some])
    say("the path to a row", f"{statistics.mean(sizes):.0f} bytes, {took / len(some) * 1e6:.0f} us")


class Chain:
    """Blocks that nobody signed: what a block costs apart from its state is measured elsewhere."""

    def __init__(self, store: LmdbStore, accounts: list[bytes]) -> None:
        root = store.recovered().root
        self._store, self._accounts = store, accounts
        self._root, self._tip, self._height = root.state_root, root.subject.block, 0
        self._globals = store.get(GLOBALS.key(b"")) or b""

    def extend(self, transfers: int) -> Costs:
        self._height += 1
        keys = random.choices(self._accounts, k=2 * transfers)
        rows = {key: encode(Account(BALANCE - self._height - place, self._height)) for place, key in enumerate(keys)}
        rows[GLOBALS.key(b"")] = self._globals
        rows = dict(sorted(rows.items()))
        root_s, updated = timed(lambda: update(self._store.node, rows, self._root))
        self._root = updated.root
        block = self._block()
        commit = Commit(blocks=[StoredBlock(block, Changes(rows, *updated))], final=[block.id])
        commit_s, _ = timed(lambda: self._store.commit(commit))
        return Costs(root_s / transfers * 1e6, commit_s / transfers * 1e6, sum(map(len, updated.nodes.values())))

    def _block(self) -> Block:
        place = Height(self._height), Slot(self._height), self._tip, PublicKey(bytes(32))
        header = Header(*place, self._root, *[ZERO_HASH] * 5)
        block = decode_envelope(encode_block(encode_header(header), bytes(64), b"", [])).with_transactions([])
        self._tip = block.id
        return block


def make_genesis(accounts: int) -> Genesis:
    held = tuple(GenesisAccount(random.randbytes(32), BALANCE) for _ in range(accounts))
    return Genesis("cost", "p2p", GENESIS_MS, Params(), held, (GenesisDelegate(signer(1).public_key, signer(2).public_key, 0, BALANCE),))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of CPU of the process, and what came of it."""
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def size_of(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def memory_mb() -> int:
    """Of the process alone: what LMDB has mapped belongs to the kernel's cache."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon"))


def say(what: str, found: str) -> None:
    print(f"{what:<48} {found}", flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--transfers", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the store is made; a disk like the node's")
    parser.add_argument("--made-in", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
