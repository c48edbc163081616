"""Everything that can be asked of a store about a set of blocks, as one value: two stores are the same or they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import lmdb

from p2pchain.chain.types import BlockId, TransactionId
from p2pchain.node.effects import Commit
from p2pchain.node.ports import Store
from p2pchain.storage import open_store
from tests.fakes.chain import ChainMaker, MadeBlock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.trie import reachable

UNKNOWN = bytes(range(32))


class Kept(Store, Protocol):
    """A store whose two steps of writing can be taken as one."""

    def commit(self, commit: Commit) -> None: ...


class Reopened(Protocol):
    """A store that can be closed and opened again."""

    @property
    def store(self) -> Kept: ...

    def reopen(self) -> Kept: ...

    def close(self) -> None: ...


def now_and_reopened(kept: Reopened) -> Iterator[Kept]:
    """The store as it is, then as it is found again."""
    yield kept.store
    yield kept.reopen()


class OnDisk:
    def __init__(self, folder: Path, maker: ChainMaker, flush_blocks: int = 20) -> None:
        self._folder, self._maker, self._flush_blocks = folder, maker, flush_blocks
        self.store = open_store(folder, maker.genesis, flush_blocks=flush_blocks)

    def reopen(self) -> Kept:
        self.close()
        self.store = open_store(self._folder, self._maker.genesis, flush_blocks=self._flush_blocks)
        return self.store

    def close(self) -> None:
        self.store.close()


class InMemory:
    def __init__(self, maker: ChainMaker) -> None:
        self.store: Kept = MemoryStore(maker.genesis)

    def reopen(self) -> Kept:
        return self.store

    def close(self) -> None: ...


def observe(store: Kept, maker: ChainMaker, blocks: Sequence[MadeBlock]) -> dict[str, object]:
    """The store's answers about all `blocks`, final or not, and about what it has never seen."""
    recovered = store.recovered()
    root = recovered.root
    keys = {key for block in (maker.root, *blocks) for key in block.changes.rows} | {b"Anobody"}
    ids = [transaction.id for block in blocks for transaction in block.made.transactions] + [TransactionId(UNKNOWN)]
    return {
        "rows": {key: store.get(key) for key in sorted(keys)},
        "trie": sorted(reachable(store.node).items()),
        "paths": [store.row_with_path(key) for key in sorted(keys)],
        "root": (root.subject, root.state_root, root.schedule.round, root.schedule.seed, root.schedule.active),
        "unfinal": sorted(recovered.unfinal),
        "final": [store.final_block(height) for height in range(len(blocks) + 2)],
        "heights": [store.final_height(block.subject.block) for block in (maker.root, *blocks)],
        "unknown": store.final_height(BlockId(UNKNOWN)),
        "transactions": [store.transaction(item) for item in ids],
        "range": store.final_range(1, len(blocks), 1 << 30),
        "headers": store.final_headers(1, len(blocks), 1 << 30),
    }


def finalise(block: MadeBlock) -> Commit:
    """A block that comes and is final at once."""
    return Commit(blocks=[block.stored], final=[block.subject.block])


def model_of(maker: ChainMaker, final: Sequence[MadeBlock]) -> MemoryStore:
    """A store in memory in which these blocks are final."""
    model = MemoryStore(maker.genesis)
    for block in final:
        model.commit(finalise(block))
    return model


def change_value(folder: Path, database: bytes, key: bytes, change: Callable[[bytes], bytes]) -> None:
    """Change one value behind the store's back."""
    with lmdb.open(str(folder / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(database)) as txn:
        txn.put(key, change(txn.get(key, b"")))
