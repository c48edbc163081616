"""The trie after a block, from the trie before it and the rows that the block wrote: all rows at once, each node once.

A node is read where a changed row lies below it, and its siblings where a row was removed.  The same update over
nodes of which some are newer already gives the same result, as long as children are newer wherever their parent is: so
the store may write nodes in the order of their places and cut that anywhere (`storage.recovery`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, MutableMapping
from typing import NamedTuple, NoReturn

from p2pchain.chain.trie.nodes import (
    BUCKET_ROWS_MAX,
    CHILDREN,
    EMPTY,
    ENTRY_BYTES,
    ROOT_PLACE,
    Node,
    NodeReader,
    child_hash,
    entries_of,
    find_entry,
    hashed,
    is_branch,
    nibble,
    node_hash,
    place_of,
)
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, Hash

_FEW = 8
"""So many paths are sorted into children one by one; more by bisection."""
_BRANCH_HEAD = b"\x01"


class Updated(NamedTuple):
    """A trie after an update."""

    root: Hash
    nodes: Mapping[bytes, Node]
    """Every node that was made, by its place."""


class MissingNodeError(Exception):
    """A branch names a child that cannot be read: the nodes are not those of one trie."""


def update(read: NodeReader, rows: Mapping[bytes, bytes | None], parent_root: Hash | None = None) -> Updated:
    """Put rows into the trie, and take out those that are None.  `parent_root` is compared with the trie that is read."""
    node = read(ROOT_PLACE) or EMPTY
    if parent_root is not None and node_hash(node) != parent_root:
        raise MissingNodeError(f"the trie has root {node_hash(node).hex()}, {parent_root.hex()} wanted")
    if not rows:
        return Updated(node_hash(node), {})
    hashes = hashed(rows.items())
    made: dict[bytes, Node] = {}
    root = _Update(read, hashes, made).of(node)
    return Updated(root, made)


def root_of(rows: Iterable[tuple[bytes, bytes]]) -> Hash:
    """The root over all rows, each given once, in any order: nothing is read and no node kept."""
    return _Update(_nothing, hashed(rows), _Discarded()).of(EMPTY)


def _nothing(_place: bytes) -> None:
    return None


class _Discarded(dict[bytes, Node]):
    """Takes nodes and keeps none."""

    def __setitem__(self, place: bytes, node: Node, /) -> None:
        pass


class _Update:
    """One update under way.  Methods are given the paths `first` to `end` that lie below a node."""

    __slots__ = ("_has_removals", "_hashes", "_made", "_paths", "_read")

    def __init__(self, read: NodeReader, hashes: Mapping[bytes, bytes | None], made: MutableMapping[bytes, Node]) -> None:
        self._read = read
        self._hashes = hashes
        self._paths = sorted(hashes)
        self._made = made
        self._has_removals = None in hashes.values()

    def of(self, root: Node) -> Hash:
        end = len(self._paths)
        node = self._branch(root, 0, 0, end) if is_branch(root) else self._bucket(root, 0, 0, end)
        self._made[ROOT_PLACE] = node
        return node_hash(node)

    def _bucket(self, node: Node, depth: int, first: int, end: int) -> Node:
        paths, hashes = self._paths, self._hashes
        if end - first <= _FEW:
            for path in paths[first:end]:
                new, at = hashes[path], find_entry(node, path)
                if new is None or at < 0:
                    break  # the number of rows changes
                node = node[: at + HASH_BYTES] + new + node[at + ENTRY_BYTES :]
            else:
                return node
        entries = entries_of(node)
        for path in paths[first:end]:
            new = hashes[path]
            if new is None:
                entries.pop(path, None)
            else:
                entries[path] = new
        return self._built(sorted(entries.items()), depth)

    def _branch(self, node: Node, depth: int, first: int, end: int) -> Node:
        """Hot: two of three nodes that a block makes at a million rows are below one of these."""
        paths, read, made, below, half, is_odd = self._paths, self._read, self._made, depth + 1, depth >> 1, depth & 1
        after, start = bytearray(node), first
        while start < end:
            path = paths[start]
            number = path[half] & 15 if is_odd else path[half] >> 4
            stop = start + 1
            if stop < end:
                stop = self._end_of(number, depth, start, end)
            place, at = place_of(below, path), 1 + number * HASH_BYTES
            name = node[at : at + HASH_BYTES]
            child = EMPTY if name == ZERO_HASH else read(place) or self._missing(name, place)
            child = self._branch(child, below, start, stop) if child[0] else self._bucket(child, below, start, stop)
            if child == EMPTY:
                after[at : at + HASH_BYTES] = ZERO_HASH
            else:
                made[place] = child
                after[at : at + HASH_BYTES] = node_hash(child)
            start = stop
        return self._collapsed(bytes(after), depth, paths[first]) if self._has_removals else bytes(after)

    def _end_of(self, number: int, depth: int, start: int, end: int) -> int:
        """Where the paths below one child end."""
        paths, stop = self._paths, start + 1
        if end - start > _FEW:
            return end if number == CHILDREN - 1 else bisect_left(paths, _with_nibble(paths[start], depth, number + 1), stop, end)
        while stop < end and nibble(paths[stop], depth) == number:
            stop += 1
        return stop

    def _missing(self, name: bytes, place: bytes) -> NoReturn:
        raise MissingNodeError(f"the trie has no node at {place.hex()}, {name.hex()} is named there")

    def _collapsed(self, branch: Node, depth: int, path: bytes) -> Node:
        """The branch, or the bucket that it becomes where few rows are left: so no removal leaves a trace."""
        entries: dict[bytes, bytes] = {}
        for number in range(CHILDREN):
            name = child_hash(branch, number)
            if name == ZERO_HASH:
                continue
            place = place_of(depth + 1, _with_nibble(path, depth, number))
            child = self._made.get(place) or self._read(place) or self._missing(name, place)
            if is_branch(child):
                return branch
            entries.update(entries_of(child))
            if len(entries) > BUCKET_ROWS_MAX:
                return branch
        return self._built(sorted(entries.items()), depth)

    def _built(self, entries: list[tuple[bytes, bytes]], depth: int) -> Node:
        """The node over these rows, which share the path down to it."""
        if len(entries) <= BUCKET_ROWS_MAX:
            return b"\x00" + b"".join([part for entry in entries for part in entry])
        children: list[bytes] = []
        start = 0
        for number in range(CHILDREN):
            stop = start
            while stop < len(entries) and nibble(entries[stop][0], depth) == number:
                stop += 1
            below = self._built(entries[start:stop], depth + 1)
            if stop > start:
                self._made[place_of(depth + 1, entries[start][0])] = below
            children.append(node_hash(below))
            start = stop
        return _BRANCH_HEAD + b"".join(children)


def _with_nibble(path: bytes, depth: int, number: int) -> bytes:
    """The first path below a sibling: the same beginning, then this half byte."""
    half = depth >> 1
    byte = path[half] & 0xF0 | number if depth & 1 else number << 4
    return path[:half] + bytes((byte,)) + bytes(HASH_BYTES - half - 1)
