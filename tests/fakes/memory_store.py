"""A store without a disk: the words of `node.ports.Store` in the simplest form, to stand in for it and to check it."""

from __future__ import annotations

from itertools import accumulate

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.outcomes import failures_in
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.tree import Root
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.types import BlockId, Hash, Height, Slot, TransactionId
from p2pchain.chain.votes import Subject
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.node.ports import FinalBlock, FinalHeader, Location, Recovered, RowWithPath, UnfinalBlock


class MemoryStore:
    """Holds what was committed for as long as it lives."""

    def __init__(self, genesis: Genesis) -> None:
        changes = genesis.changes()
        self.rows = dict(changes.rows)
        self.nodes = dict(changes.nodes)
        self.unfinal: dict[BlockId, StoredBlock] = {}
        self.certificates: dict[BlockId, bytes] = {}
        self.final: list[FinalBlock] = []
        self.pruned = 0
        """Bodies up to this height are said to be gone."""
        self.heights: dict[BlockId, int] = {genesis.block_id: 0}
        self.locations: dict[TransactionId, Location] = {}
        self._subject = Subject(Slot(0), Height(0), genesis.block_id)
        self._state_root: Hash = changes.state_root
        self._staged: Commit | None = None

    def get(self, key: bytes, /) -> bytes | None:
        return self.rows.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self.nodes.get(place)

    def stage(self, commit: Commit) -> None:
        self._staged = commit

    def sync(self) -> None:
        """Nothing is visible before this, as with a real disk."""
        assert self._staged is not None, "nothing is staged"
        staged, self._staged = self._staged, None
        self.commit(staged)

    def commit(self, commit: Commit) -> None:
        for stored in commit.blocks:
            self.unfinal[stored.block.id] = stored
        for certificate in commit.certificates:
            assert certificate.subject.block in self.unfinal, "certificates are for blocks that are stored and not final"
            self.certificates[certificate.subject.block] = certificate.raw
        for item in commit.final:
            self._finalise(self.unfinal.pop(item))
        for certificate in commit.confirms:
            place = certificate.subject.height - 1
            self.final[place] = self.final[place]._replace(certificate=certificate.raw)
        stale = [item for item, stored in self.unfinal.items() if stored.block.header.height <= self._subject.height]
        for item in [*commit.dropped, *stale]:
            self.unfinal.pop(item, None)

    def recovered(self) -> Recovered:
        blocks = sorted((stored.block for stored in self.unfinal.values()), key=lambda block: block.header.height)
        unfinal = [UnfinalBlock(block.raw, self.certificates.get(block.id, b"")) for block in blocks]
        return Recovered(Root(self._subject, self._state_root, Schedule.load(self)), unfinal)

    def final_block(self, height: int) -> FinalBlock | None:
        return self.final[height - 1] if self.pruned < height <= len(self.final) else None

    def final_height(self, block: BlockId) -> int | None:
        return self.heights.get(block)

    @property
    def blocks_from(self) -> int:
        return self.pruned + 1

    def final_range(self, from_height: int, limit: int, bytes_max: int) -> list[FinalBlock]:
        first = max(1, from_height)
        blocks: list[FinalBlock] = []
        size = 0
        if 0 < self.pruned >= from_height:
            return blocks
        for block in self.final[first - 1 : max(0, from_height + limit - 1)]:
            size += len(block.raw) + len(block.certificate)
            if blocks and size > bytes_max:
                break
            blocks.append(block)
        return blocks

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]:
        found = [
            FinalHeader(decode_envelope(block.raw).header_raw, block.certificate) for block in self.final[max(1, from_height) - 1 :][:limit]
        ]
        sizes = accumulate(len(header.raw) + len(header.certificate) for header in found)
        return [header for place, (header, size) in enumerate(zip(found, sizes, strict=True)) if not place or size <= bytes_max]

    def transaction(self, item: TransactionId) -> Location | None:
        return self.locations.get(item)

    def row_with_path(self, key: bytes) -> RowWithPath:
        return RowWithPath(self._subject.height, self.rows.get(key), nodes_to(self.node, key))

    def _finalise(self, stored: StoredBlock) -> None:
        block, changes = stored
        header = block.header
        assert header.height == self._subject.height + 1, "blocks become final one after the other"
        self.rows.update(changes.rows)
        self.nodes.update(changes.nodes)
        self.final.append(FinalBlock(block.raw, b"", failures_in(changes.rows)))
        self.heights[block.id] = header.height
        for position, transaction in enumerate(block.transactions):
            self.locations[transaction.id] = Location(header.height, position)
        self._subject = Subject(header.slot, header.height, block.id)
        self._state_root = changes.state_root
