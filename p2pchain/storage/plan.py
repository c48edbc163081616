"""What a commit does, decided before anything is written: puts, deletes, and the memory as it is afterwards.

Pure, so that a commit can be planned, written, repeated after the map has grown, or thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from p2pchain.chain.state import Changes
from p2pchain.chain.trie.nodes import NodeReader
from p2pchain.chain.trie.update import update
from p2pchain.chain.types import BlockId, Hash, TransactionId
from p2pchain.chain.votes import Kind, Subject
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import Progress, block_key, certificate_key, encode_record, height_key, transaction_ids
from p2pchain.storage.overlay import Overlay, Place, layer_of

BATCH_BYTES = 80 << 20
"""Of encoded rows and nodes: a batch begins with so many, though of fewer blocks: twenty full ones at a million accounts make as many."""
OVERLAY_BYTES_MAX = 2 * BATCH_BYTES
"""Beyond it a batch is written in one go, however long that takes."""
GENERATION_ENTRIES_MAX = 1 << 17
"""At full load a generation is little more than one batch, written in key order; a look-up asks one per 131,072."""


class Database(Enum):
    """Where a plan writes."""

    BLOCKS = auto()
    CERTIFICATES = auto()
    FINAL = auto()
    HEIGHTS = auto()


class Unfinal(NamedTuple):
    """A stored block that is not final: enough to finalise it without reading."""

    subject: Subject
    raw: bytes
    changes: Changes
    size: int
    """Of its encoded record."""
    ids: Sequence[TransactionId] | None
    """Of its transactions; None where the block was loaded and nobody has asked."""

    @property
    def key(self) -> bytes:
        return block_key(self.subject.height, self.subject.block)

    def transaction_ids(self) -> Sequence[TransactionId]:
        return transaction_ids(self.raw, self.key) if self.ids is None else self.ids


class Memory(NamedTuple):
    """All that the store knows without reading."""

    final: Subject
    """The last final block."""
    state_root: Hash
    unfinal: Mapping[BlockId, Unfinal]
    overlay: Overlay
    progress: Progress


class Share(NamedTuple):
    """The part of a batch that a commit writes, in key order."""

    rows: Mapping[bytes, bytes]
    places: Sequence[tuple[TransactionId, Place]]
    nodes: Mapping[bytes, bytes]


class Plan(NamedTuple):
    puts: list[tuple[Database, bytes, bytes]]
    deletes: list[tuple[Database, bytes]]
    share: Share | None
    memory: Memory


def plan(memory: Memory, commit: Commit, flush_blocks: int, read_node: NodeReader) -> Plan:
    """The commit's writes on top of `memory`.  A commit that contradicts what is stored is a bug of the caller.

    `read_node` reads what is on disk, for blocks that were loaded without the nodes that they make.
    """
    puts: list[tuple[Database, bytes, bytes]] = []
    deletes: list[tuple[Database, bytes]] = []
    unfinal = dict(memory.unfinal)
    for stored in commit.blocks:
        block, value = _unfinal(stored)
        unfinal[block.subject.block] = block
        puts.append((Database.BLOCKS, block.key, value))
    for certificate in commit.certificates:
        item = certificate.subject.block
        assert certificate.kind is Kind.VOTE, f"the certificate of unfinal block {item.hex()} is of confirms"
        assert item in unfinal, f"block {item.hex()} is certified and is not stored"
        puts.append((Database.CERTIFICATES, certificate_key(unfinal[item].key, Kind.VOTE), certificate.raw))
    final, root, overlay = memory.final, memory.state_root, memory.overlay
    for item in commit.final:
        assert item in unfinal, f"block {item.hex()} becomes final and is not stored"
        block = unfinal.pop(item)
        assert block.subject.height == final.height + 1, f"height {block.subject.height} becomes final above {final.height}"
        puts += [(Database.FINAL, height_key(block.subject.height), item), (Database.HEIGHTS, item, height_key(block.subject.height))]
        # the block above carries these votes or newer ones; the confirms are what proves a final block
        deletes.append((Database.CERTIFICATES, certificate_key(block.key, Kind.VOTE)))
        nodes = block.changes.nodes or _nodes(block, root, overlay, read_node)
        overlay = overlay.with_layer(layer_of(block.subject.height, block.changes.rows, block.size, block.transaction_ids()))
        overlay = overlay.with_nodes(nodes)
        final, root = block.subject, block.changes.state_root
    made_final = frozenset(commit.final)
    for certificate in commit.confirms:
        _, height, item = certificate.subject
        assert item in made_final, f"confirms of block {item.hex()} at height {height}, which does not become final with them"
        puts.append((Database.CERTIFICATES, certificate_key(block_key(height, item), Kind.CONFIRM), certificate.raw))
    # what the caller no longer knows (it could not restore it after an upgrade, say) falls away with its height
    stale = [item for item, block in unfinal.items() if block.subject.height <= final.height]
    for block in [unfinal.pop(item) for item in {*commit.dropped, *stale} if item in unfinal]:
        deletes += [(Database.BLOCKS, block.key), (Database.CERTIFICATES, certificate_key(block.key, Kind.VOTE))]
    after = Memory(final, root, unfinal, overlay, memory.progress)
    return _with_share(puts, deletes, after, len(commit.final), flush_blocks)


def _with_share(
    puts: list[tuple[Database, bytes, bytes]], deletes: list[tuple[Database, bytes]], memory: Memory, blocks: int, flush_blocks: int
) -> Plan:
    """Begin a batch where it is time, and write this commit's share of it."""
    overlay, progress = memory.overlay, memory.progress
    # a node that never runs for a whole batch would otherwise load a longer tail at every start
    is_over = overlay.size > OVERLAY_BYTES_MAX or overlay.blocks > 2 * flush_blocks
    is_due = overlay.blocks >= flush_blocks or overlay.size >= BATCH_BYTES
    if overlay.batch is None and overlay.layers and (is_over or is_due):
        overlay = overlay.with_batch(memory.final.height, min(flush_blocks, overlay.blocks))
        if progress.entries >= GENERATION_ENTRIES_MAX:
            progress = progress._replace(generation=progress.generation + 1, entries=0)
    batch = overlay.batch
    if batch is None or not blocks:
        return Plan(puts, deletes, None, memory._replace(overlay=overlay, progress=progress))
    done = batch.parts if is_over else min(batch.parts, batch.done + blocks)
    share = Share(batch.rows_until(done), batch.places_until(done), batch.nodes_until(done))
    batch = batch._replace(done=done)
    progress = progress._replace(entries=progress.entries + len(share.places))
    if batch.is_written:
        progress = progress._replace(flushed=batch.height)
    overlay = overlay._replace(batch=None if batch.is_written else batch)
    return Plan(puts, deletes, share, memory._replace(overlay=overlay, progress=progress))


def _nodes(block: Unfinal, parent_root: Hash, overlay: Overlay, read_node: NodeReader) -> Mapping[bytes, bytes]:
    """The nodes that a block makes on top of the last final one."""
    root, nodes = update(lambda place: overlay.node(place) or read_node(place), block.changes.rows, parent_root)
    if root != block.changes.state_root:
        raise DamagedStore(f"the rows of block {block.subject.height} in the store do not give its state root; sync again")
    return nodes


def _unfinal(stored: StoredBlock) -> tuple[Unfinal, bytes]:
    block, changes = stored
    subject = Subject(block.header.slot, block.header.height, block.id)
    value = encode_record(block.raw, changes.rows, changes.state_root)
    ids = [transaction.id for transaction in block.transactions]
    return Unfinal(subject, block.raw, changes, len(value) - len(block.raw), ids), value
