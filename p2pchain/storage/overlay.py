"""What is final but not yet in the rows: the changes of the last final blocks, in memory, above the rows on disk.

Once per `flush_blocks` final blocks the layers become a batch, of which each later commit writes its share: a range of
keys, across all layers.  Ranges, so that a page is written once a batch; shares, so that no single commit stalls the
node.  Until a batch is written whole it stays readable here.  An overlay never changes: what is new is a new overlay.

The nodes of the state's trie go the same way, but lie in one map and not in layers: blocks make the same nodes over and over, and they
are large.  They are named so that children sort before their parent: a node on disk that is newer than the height to which all is
flushed has newer children below it, never older ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, TypeVar

from p2pchain.chain.types import TransactionId

Key = TypeVar("Key", bound=bytes)
Value = TypeVar("Value")

Place: TypeAlias = tuple[int, int]
"""(height, position) of a transaction: a plain tuple, for there may be 200,000 of them."""

LAYER_BLOCKS_MAX = 4
"""Layers are merged up to this weight: a read asks a handful of layers, and a merge of full blocks takes 3 ms."""
NODE_BYTES = 1 << 10
"""What a node is taken for: nearly what one has with what it costs to hold, at a million accounts; no node has twice as much."""
SAMPLE_STEP = 16
"""One of so many keys says where a range ends: ranges differ by less than this for each layer."""


class Layer(NamedTuple):
    """The changes of one or several final blocks in a row."""

    blocks: int
    size: int
    """Bytes of its rows, encoded."""
    rows: Mapping[bytes, bytes]
    """In key order."""
    places: tuple[Mapping[TransactionId, Place], ...]
    """Where its transactions are: of each block one, newest first, in order of the ids."""

    def place(self, item: TransactionId) -> Place | None:
        return next((block[item] for block in self.places if item in block), None)


class Runs(NamedTuple):
    """What layers say of one kind of thing, divided into ranges of keys."""

    maps: tuple[Mapping[bytes, bytes], ...]
    """Newest first."""
    keys: tuple[Sequence[bytes], ...]
    """Of each, sorted."""
    ends: Sequence[bytes]
    """Where each range but the last ends."""

    @classmethod
    def of(cls, maps: Iterable[Mapping[bytes, bytes]], parts: int) -> Runs:
        maps = tuple(maps)
        keys = tuple(list(run) for run in maps)
        return cls(maps, keys, _ends(keys, parts))

    def between(self, first: int, end: int) -> dict[bytes, bytes]:
        """The newest of each key in the ranges from `first` to below `end`, in key order."""
        found: dict[bytes, bytes] = {}
        for run, keys in zip(reversed(self.maps), reversed(self.keys), strict=True):
            found.update((key, run[key]) for key in _between(keys, self.ends, first, end))
        return dict(sorted(found.items()))


class Batch(NamedTuple):
    """Layers on their way to disk."""

    height: int
    """The last block in them: once all is written, rows and index follow the log up to here."""
    layers: tuple[Layer, ...]
    rows: Runs
    nodes: Runs
    places: tuple[Mapping[TransactionId, Place], ...]
    ids: tuple[Sequence[TransactionId], ...]
    """Of each block, sorted."""
    id_ends: Sequence[TransactionId]
    parts: int
    done: int = 0
    """Ranges written."""

    @property
    def is_written(self) -> bool:
        return self.done >= self.parts

    def rows_until(self, end: int) -> dict[bytes, bytes]:
        """What the ranges up to `end` write, in key order."""
        return self.rows.between(self.done, end)

    def nodes_until(self, end: int) -> dict[bytes, bytes]:
        """The same of nodes."""
        return self.nodes.between(self.done, end)

    def places_until(self, end: int) -> list[tuple[TransactionId, Place]]:
        """The index entries in the ranges up to `end`, in order of the ids."""
        found = []
        for block, ids in zip(self.places, self.ids, strict=True):
            found += [(item, block[item]) for item in _between(ids, self.id_ends, self.done, end)]
        return sorted(found)


class Overlay(NamedTuple):
    """Layers, newest first, then the batch."""

    layers: tuple[Layer, ...] = ()
    nodes: Mapping[bytes, bytes] = MappingProxyType({})
    """Of the trie, all that the blocks in the layers made; in the order of their places but for what few sorted runs leave to do."""
    batch: Batch | None = None

    @property
    def blocks(self) -> int:
        return sum(layer.blocks for layer in self.layers)

    @property
    def size(self) -> int:
        return NODE_BYTES * len(self.nodes) + sum(layer.size for layer in self.layers)

    def readable(self) -> tuple[Layer, ...]:
        """Every layer that a read must ask before the disk, newest first."""
        return self.layers if self.batch is None else (*self.layers, *self.batch.layers)

    @property
    def node_maps(self) -> tuple[Mapping[bytes, bytes], ...]:
        """As `readable`, of nodes."""
        return (self.nodes,) if self.batch is None else (self.nodes, *self.batch.nodes.maps)

    def with_layer(self, layer: Layer) -> Overlay:
        """Add a final block."""
        layers = (layer, *self.layers)
        while len(layers) > 1 and layers[0].blocks >= layers[1].blocks and layers[0].blocks + layers[1].blocks <= LAYER_BLOCKS_MAX:
            newer, older, *rest = layers
            layers = (merge(newer, older), *rest)
        return self._replace(layers=layers)

    def node(self, place: bytes) -> bytes | None:
        """The node that is not on disk yet."""
        return next((nodes[place] for nodes in self.node_maps if place in nodes), None)

    def with_nodes(self, nodes: Mapping[bytes, bytes]) -> Overlay:
        """Add the nodes of a final block, or of all blocks together."""
        merged = dict(self.nodes)
        merged.update((place, nodes[place]) for place in sorted(nodes))
        return self._replace(nodes=merged)

    def with_batch(self, height: int, parts: int) -> Overlay:
        """Begin to write all layers, in so many parts; the overlay has no batch yet."""
        assert self.batch is None, "one batch at a time"
        rows = Runs.of((layer.rows for layer in self.layers), parts)
        nodes = Runs.of([_in_order(self.nodes)], parts)
        places = tuple(block for layer in self.layers for block in layer.places)
        ids = tuple(list(block) for block in places)
        return Overlay(batch=Batch(height, self.layers, rows, nodes, places, ids, _ends(ids, parts), parts))


def layer_of(height: int, rows: Mapping[bytes, bytes], size: int, ids: Sequence[TransactionId]) -> Layer:
    """The layer of one final block."""
    places = dict(zip(ids, zip(repeat(height), range(len(ids)), strict=False), strict=True))
    return Layer(1, size, _in_order(rows), (_in_order(places),))


def merge(newer: Layer, older: Layer) -> Layer:
    rows = _in_order({**older.rows, **newer.rows})
    return Layer(newer.blocks + older.blocks, newer.size + older.size, rows, newer.places + older.places)


def _in_order(items: Mapping[Key, Value]) -> dict[Key, Value]:
    """Sorted by key; what consists of a few sorted runs is sorted in linear time."""
    return {key: items[key] for key in sorted(items)}


def _ends(runs: Sequence[Sequence[Key]], parts: int) -> list[Key]:
    """Keys that divide all runs together into parts of about the same number."""
    samples = sorted(key for run in runs for key in run[::SAMPLE_STEP])
    return [samples[len(samples) * part // parts] for part in range(1, parts)] if samples else []


def _between(run: Sequence[Key], ends: Sequence[Key], first: int, end: int) -> Iterator[Key]:
    """The keys of a sorted run that lie in the ranges from `first` to below `end`."""
    start = bisect_left(run, ends[first - 1]) if 0 < first <= len(ends) else 0
    stop = bisect_left(run, ends[end - 1]) if end <= len(ends) else len(run)
    return iter(run[start:stop])
