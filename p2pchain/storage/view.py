"""What reads see: the memory after one commit and the read transaction that belongs to it.  It never changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from p2pchain.chain.types import BlockId, TransactionId
from p2pchain.chain.votes import Kind
from p2pchain.node.ports import FinalBlock, FinalHeader, Location, UnfinalBlock
from p2pchain.storage.environment import Database, Environment, Transaction
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import (
    Record,
    block_key,
    certificate_key,
    decode_locations,
    decode_record,
    decode_rows,
    header_in_record,
    height_key,
    height_of,
    index_key,
    transaction_id_at,
)
from p2pchain.storage.plan import Memory
from p2pchain.storage.pruning import Pruned


class View(NamedTuple):
    """One state of the store.  The caller sees to it that the map does not grow meanwhile."""

    environment: Environment
    memory: Memory
    layers: tuple[Mapping[bytes, bytes], ...]
    """Rows that are not on disk yet, newest first."""
    node_maps: tuple[Mapping[bytes, bytes], ...]
    """The same of nodes."""
    txn: Transaction
    pruned: Pruned = Pruned()

    @classmethod
    def of(cls, environment: Environment, memory: Memory, txn: Transaction, pruned: Pruned = Pruned()) -> View:  # noqa: B008  (frozen)
        overlay = memory.overlay
        return cls(environment, memory, tuple(layer.rows for layer in overlay.readable()), overlay.node_maps, txn, pruned)

    def row(self, key: bytes) -> bytes | None:
        return self._first(key, self.layers, self.environment.rows)

    def node(self, place: bytes) -> bytes | None:
        return self._first(place, self.node_maps, self.environment.nodes)

    def unfinal(self) -> list[UnfinalBlock]:
        blocks = sorted(self.memory.unfinal.values(), key=lambda block: block.subject.height)
        return [UnfinalBlock(block.raw, self._certificate(block.key, Kind.VOTE)) for block in blocks]

    def final_block(self, height: int) -> FinalBlock | None:
        key = self._final_key(height)
        if key is None or height <= self.pruned.height:
            return None
        record = self._record(key)
        return FinalBlock(record.raw, self._certificate(key, Kind.CONFIRM), record.failed)

    def final_with_rows(self, height: int) -> tuple[bytes, dict[bytes, bytes]] | None:
        """A final block and what it wrote to the state; None where there is none, or it was pruned."""
        key = self._final_key(height)
        if key is None or height <= self.pruned.height:
            return None
        record = self._record(key)
        return record.raw, decode_rows(record.rows, key)

    def final_blocks(self, heights: range) -> Iterator[FinalBlock]:
        """Final blocks from the first of `heights` to the last that there is; none where the first was pruned."""
        for height in heights:
            block = self.final_block(height)
            if block is None:
                return
            yield block

    def final_headers(self, heights: range) -> Iterator[FinalHeader]:
        """Headers of final blocks from the first of `heights` to the last that there is; of a block no more is read."""
        with self.environment.lmdb.begin(buffers=True) as txn:
            for height in heights:
                key = self._final_key(height)
                if key is None:
                    return
                record = txn.get(key, db=self.environment.blocks)
                # where there is none it was pruned, perhaps since this view began
                kept = b"" if record is not None else bytes(txn.get(key[:8], b"", db=self.environment.headers))
                header = kept if record is None else header_in_record(record, key)
                assert header, f"height {height} is final and has no header"
                yield FinalHeader(header, self._certificate(key, Kind.CONFIRM))

    def some_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]:
        """At most `limit` of them and at most `bytes_max` bytes, but one at least."""
        headers: list[FinalHeader] = []
        size = 0
        for header in self.final_headers(range(max(1, from_height), from_height + limit)):
            size += len(header.raw) + len(header.certificate)
            if headers and size > bytes_max:
                break
            headers.append(header)
        return headers

    def final_height(self, block: BlockId) -> int | None:
        data = self.txn.get(block, db=self.environment.heights)
        return None if data is None else height_of(data)

    def transaction(self, item: TransactionId) -> Location | None:
        for layer in self.memory.overlay.readable():
            place = layer.place(item)
            if place is not None:
                return Location(*place)
        gone = None
        for generation in range(self.memory.progress.generation, self.pruned.generation - 1, -1):
            data = self.txn.get(index_key(generation, item), b"", db=self.environment.transactions)
            for location in decode_locations(data):
                if location.height <= self.pruned.height:
                    gone = gone or location  # whether it is this one nobody can say any more; that it begins alike is much
                elif self._is_at(item, location):
                    return location
        return gone

    def _final_key(self, height: int) -> bytes | None:
        """Key of a final block; the genesis is none."""
        if not 1 <= height <= self.memory.final.height:
            return None
        block = self.txn.get(height_key(height), db=self.environment.final)
        if block is None:
            raise DamagedStore(f"{self.environment.path}: height {height} is final and is not there; sync again")
        return block_key(height, block)

    def _record(self, key: bytes) -> Record:
        value = self.txn.get(key, db=self.environment.blocks)
        if value is None:
            raise DamagedStore(f"{self.environment.path}: block {height_of(key)} is final and is not there; sync again")
        return decode_record(value, key)

    def _first(self, key: bytes, layers: Sequence[Mapping[bytes, bytes]], database: Database) -> bytes | None:
        data = next((layer[key] for layer in layers if key in layer), None)
        return self.txn.get(key, db=database) if data is None else data

    def _certificate(self, key: bytes, kind: Kind) -> bytes:
        return self.txn.get(certificate_key(key, kind), b"", db=self.environment.certificates)

    def _is_at(self, item: TransactionId, location: Location) -> bool:
        """An index entry speaks of a prefix: only the block itself says whose it is."""
        key = self._final_key(location.height)
        return key is not None and transaction_id_at(self._record(key).raw, location.position, key) == item
