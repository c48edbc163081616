"""What is final but not yet in the rows: the changes of the last final blocks, in memory, above the rows on disk.

Once per `flush_blocks` final blocks the layers become a batch, sorted by key, of which each later commit writes its
share: sorted, so that a page is written once a batch; in shares, so that no single commit stalls the node.  Until a
batch is written whole it stays readable here.  An overlay never changes; what is new is a new overlay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from p2pchain.chain.types import TransactionId
from p2pchain.node.ports import Location


class Layer(NamedTuple):
    """The changes of one or several final blocks in a row."""

    blocks: int
    size: int
    """Bytes of its rows, encoded."""
    rows: Mapping[bytes, bytes]
    places: Mapping[TransactionId, Location]
    """Where its transactions are."""


class Batch(NamedTuple):
    """A layer on its way to disk."""

    height: int
    """The last block in it: once all is written, rows and index follow the log up to here."""
    layer: Layer
    keys: Sequence[bytes]
    """Of its rows, sorted."""
    ids: Sequence[TransactionId]
    """Of its transactions, sorted."""
    keys_done: int = 0
    ids_done: int = 0

    @property
    def is_written(self) -> bool:
        return self.keys_done == len(self.keys) and self.ids_done == len(self.ids)

    def share(self, part: int, whole: int) -> Batch:
        """The batch as it is when another part of a whole is written; keys and ids between the two are the share."""
        keys_done = self.keys_done + -(-len(self.keys) * part // whole)
        ids_done = self.ids_done + -(-len(self.ids) * part // whole)
        return self._replace(keys_done=min(len(self.keys), keys_done), ids_done=min(len(self.ids), ids_done))


class Overlay(NamedTuple):
    """Layers, newest first, then the batch."""

    layers: tuple[Layer, ...] = ()
    batch: Batch | None = None

    @property
    def blocks(self) -> int:
        return sum(layer.blocks for layer in self.layers)

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    def readable(self) -> tuple[Layer, ...]:
        """Every layer that a read must ask before the disk, newest first."""
        return self.layers if self.batch is None else (*self.layers, self.batch.layer)

    def with_layer(self, layer: Layer) -> Overlay:
        """Add a final block.  Layers of equal weight are merged, so a read asks log2 of the blocks and not all."""
        layers = (layer, *self.layers)
        while len(layers) > 1 and layers[0].blocks >= layers[1].blocks:
            newer, older, *rest = layers
            layers = (merge(newer, older), *rest)
        return self._replace(layers=layers)

    def with_batch(self, height: int) -> Overlay:
        """Begin to write all layers; the overlay has no batch yet."""
        assert self.batch is None, "one batch at a time"
        newest, *rest = self.layers
        for older in rest:
            newest = merge(newest, older)
        # rows and ids of each block are in order already, so sorting merely merges runs
        return Overlay((), Batch(height, newest, sorted(newest.rows), sorted(newest.places)))


def merge(newer: Layer, older: Layer) -> Layer:
    rows = {**older.rows, **newer.rows}
    return Layer(newer.blocks + older.blocks, newer.size + older.size, rows, {**older.places, **newer.places})


def layer_of(height: int, rows: Mapping[bytes, bytes], size: int, ids: Sequence[TransactionId]) -> Layer:
    """The layer of one final block."""
    places = {item: Location(height, position) for item, position in sorted(zip(ids, range(len(ids)), strict=True))}
    return Layer(1, size, rows, places)
