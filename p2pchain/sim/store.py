"""The ledger of one node in memory, in the words of `node.ports.Store`: what a real store would find after a crash."""

from __future__ import annotations

from itertools import accumulate

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.tree import Root
from p2pchain.chain.types import BlockId, Hash, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.node.ports import FinalBlock, FinalHeader, Recovered, UnfinalBlock


class Ledger:
    """Rows of the last final block, the final blocks, and the unfinal ones above."""

    def __init__(self, genesis: Genesis) -> None:
        changes = genesis.changes()
        self.rows = dict(changes.rows)
        self.nodes = dict(changes.nodes)
        self.unfinal: dict[BlockId, StoredBlock] = {}
        self.certificates: dict[BlockId, bytes] = {}
        self.final: list[FinalBlock] = []
        self.pruned = 0
        """Bodies up to this height are said to be gone."""
        self.subject = Subject(Slot(0), Height(0), genesis.block_id)
        self._state_root: Hash = changes.state_root

    def get(self, key: bytes, /) -> bytes | None:
        return self.rows.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self.nodes.get(place)

    def apply(self, commit: Commit) -> None:
        """One batch, whole."""
        for stored in commit.blocks:
            self.unfinal[stored.block.id] = stored
        for certificate in commit.certificates:
            self.certificates[certificate.subject.block] = certificate.raw
        for block in commit.final:
            self._finalise(self.unfinal.pop(block))
        for certificate in commit.confirms:
            place = certificate.subject.height - 1
            self.final[place] = self.final[place]._replace(certificate=certificate.raw)
        height = self.subject.height
        stale = [block for block, stored in self.unfinal.items() if stored.block.header.height <= height] if commit.final else []
        for block in [*commit.final, *commit.dropped, *stale]:
            self.unfinal.pop(block, None)
            self.certificates.pop(block, None)

    def recovered(self) -> Recovered:
        blocks = sorted((stored.block for stored in self.unfinal.values()), key=lambda block: block.header.height)
        unfinal = [UnfinalBlock(block.raw, self.certificates.get(block.id, b"")) for block in blocks]
        return Recovered(Root(self.subject, self._state_root, Schedule.load(self)), unfinal)

    @property
    def blocks_from(self) -> int:
        return self.pruned + 1

    def final_range(self, from_height: int, limit: int, bytes_max: int) -> list[FinalBlock]:
        blocks: list[FinalBlock] = []
        size = 0
        if 0 < self.pruned >= from_height:
            return blocks
        for block in self.final[max(1, from_height) - 1 : max(0, from_height + limit - 1)]:
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

    def _finalise(self, stored: StoredBlock) -> None:
        block, changes = stored
        header = block.header
        assert header.height == self.subject.height + 1, "blocks become final one after the other"
        self.rows.update(changes.rows)
        self.nodes.update(changes.nodes)
        self.final.append(FinalBlock(block.raw, b""))
        self.subject = Subject(header.slot, header.height, block.id)
        self._state_root = changes.state_root
