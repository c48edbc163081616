"""The ledger of a node, read from outside of it: whether the node runs or not, nothing is changed or locked.

LMDB gives a reader one consistent state, as of the last commit of the node that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.tree import Root
from p2pchain.chain.types import BlockId
from p2pchain.node.ports import FinalBlock, FinalHeader, Recovered
from p2pchain.storage.durable import ProcessLock
from p2pchain.storage.environment import NAME, Environment, require_chain
from p2pchain.storage.errors import HomeInUse, StorageError, mapped
from p2pchain.storage.pruning import load_pruned
from p2pchain.storage.recovery import load_memory
from p2pchain.storage.view import View


class StoredChain:
    """The reading half of `node.ports.Store`, as far as an inspection needs it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, key: bytes, /) -> bytes | None:
        return self._view.row(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self._view.node(place)

    def recovered(self) -> Recovered:
        memory = self._view.memory
        return Recovered(Root(memory.final, memory.state_root, Schedule.load(self)), self._view.unfinal())

    def final_block(self, height: int) -> FinalBlock | None:
        return self._view.final_block(height)

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]:
        return self._view.some_headers(from_height, limit, bytes_max)

    @property
    def blocks_from(self) -> int:
        return self._view.pruned.blocks_from

    def final_height(self, block: BlockId) -> int | None:
        return self._view.final_height(block)


@contextmanager
def read_store(data_dir: Path, genesis: Genesis) -> Iterator[StoredChain]:
    """The ledger in a folder; `StorageError` where there is none, or another network's."""
    path = data_dir / NAME
    if not path.exists():
        raise StorageError(f"{data_dir} holds no chain: the node has never run")
    with mapped("reading the store", path):
        environment = Environment(path, read_only=True)
        try:
            require_chain(environment, genesis)
            memory = load_memory(environment)
            with environment.lmdb.begin() as txn:
                yield StoredChain(View.of(environment, memory, txn, load_pruned(environment, txn)))
        finally:
            environment.lmdb.close()


def is_there(data_dir: Path) -> bool:
    """Whether this folder holds a chain."""
    return (data_dir / NAME).exists()


def is_in_use(data_dir: Path) -> bool:
    """Whether a node has this folder open."""
    try:
        ProcessLock(data_dir / "lock").release()
    except HomeInUse:
        return True
    return False
