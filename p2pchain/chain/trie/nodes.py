"""What a node is, as bytes, and its hash.

    bucket   00 || (row hash (32) || value hash (32)) for each row, ascending; 1 to 32 rows, at the root also none
    branch   01 || the hashes of 16 children (32 each), zero where there is none; more than 32 rows in all

The hash of a node is over its bytes in one domain: the first byte tells the kinds apart, so no node can pass for another.
The empty trie has the zero hash.  A node's place is its depth in half bytes and the beginning of the row hashes below it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from p2pchain.chain.crypto import Domain
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, Hash

Node: TypeAlias = bytes
NodeReader: TypeAlias = "Callable[[bytes], Node | None]"
"""The node at a place (`place_of`), None where there is none."""

BUCKET_ROWS_MAX = 32
"""At a million rows sixteen buckets' worth is most of what a block touches: 16 and 64 are slower (decision 0050)."""
CHILDREN = 16
DEPTH_MAX = 2 * HASH_BYTES
ENTRY_BYTES = 2 * HASH_BYTES
BUCKET_BYTES_MAX = 1 + BUCKET_ROWS_MAX * ENTRY_BYTES
BRANCH_BYTES = 1 + CHILDREN * HASH_BYTES

BUCKET, BRANCH = 0, 1
"""First bytes of nodes."""
EMPTY: Node = b"\x00"
"""The bucket of no rows: a trie without any."""

_NODE, _KEY, _VALUE = Domain.STATE_NODE.prefix, Domain.STATE_KEY.prefix, Domain.STATE_VALUE.prefix
_sha256 = hashlib.sha256
_DEPTHS = [bytes((DEPTH_MAX - depth,)) for depth in range(DEPTH_MAX + 1)]
_HIGH_HALVES = [bytes((byte & 0xF0,)) for byte in range(256)]


def path_of(key: bytes) -> bytes:
    """Where a row lies: anybody may choose keys, so they are hashed, and the trie stays flat."""
    return _sha256(_KEY + key).digest()


def value_hash(value: bytes) -> bytes:
    return _sha256(_VALUE + value).digest()


def hashed(rows: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, bytes | None]:
    """Path and value hash of rows, None for those that are to go: `path_of` and `value_hash` of each, and written out for speed."""
    sha256, key_prefix, value_prefix = _sha256, _KEY, _VALUE
    return {sha256(key_prefix + key).digest(): None if value is None else sha256(value_prefix + value).digest() for key, value in rows}


def node_hash(node: Node) -> Hash:
    """Zero for the empty bucket: there is one empty trie."""
    return ZERO_HASH if node == EMPTY else cast("Hash", _sha256(_NODE + node).digest())


def is_branch(node: Node) -> bool:
    return node[0] == BRANCH


def place_of(depth: int, path: bytes) -> bytes:
    """The name of the place of a node: deeper ones sort first, so that children are written before their parent."""
    half, odd = divmod(depth, 2)
    return _DEPTHS[depth] + path[:half] + _HIGH_HALVES[path[half]] if odd else _DEPTHS[depth] + path[:half]


ROOT_PLACE = place_of(0, bytes(HASH_BYTES))


def nibble(path: bytes, depth: int) -> int:
    """Half byte number `depth` of a path: which child of a branch at this depth it belongs to."""
    return path[depth >> 1] & 15 if depth & 1 else path[depth >> 1] >> 4


def child_hash(branch: Node, number: int) -> bytes:
    start = 1 + number * HASH_BYTES
    return branch[start : start + HASH_BYTES]


def entries_of(bucket: Node) -> dict[bytes, bytes]:
    """The rows of a bucket: path and value hash."""
    starts = range(1, len(bucket), ENTRY_BYTES)
    return {bucket[at : at + HASH_BYTES]: bucket[at + HASH_BYTES : at + ENTRY_BYTES] for at in starts}


def find_entry(bucket: Node, path: bytes) -> int:
    """Where the row's entry begins; -1 where there is none."""
    at = bucket.find(path, 1)
    # 32 bytes that straddle two entries can only be equal to a path by a collision; not to have to believe it costs nothing
    while at >= 0 and (at - 1) % ENTRY_BYTES:
        at = bucket.find(path, at + 1)
    return at
