"""The nodes from the root down to where a row is or would be: they show both what a row says and that there is none.

Bound: a path has one branch for each half byte that the row's hash shares with others, 5 of 1,000,000 rows; 65 nodes
of at most 2,049 bytes at the very most.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.trie.nodes import (
    BRANCH,
    BRANCH_BYTES,
    BUCKET,
    BUCKET_BYTES_MAX,
    DEPTH_MAX,
    EMPTY,
    ENTRY_BYTES,
    ROOT_PLACE,
    Node,
    NodeReader,
    child_hash,
    find_entry,
    is_branch,
    nibble,
    node_hash,
    path_of,
    place_of,
)
from p2pchain.chain.trie.update import MissingNodeError
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, Hash

PATH_NODES_MAX = DEPTH_MAX + 1


def nodes_to(read: NodeReader, key: bytes) -> tuple[Node, ...]:
    """The nodes on the way to a row, the root first; none where the trie is empty."""
    path, nodes = path_of(key), []
    node, depth = read(ROOT_PLACE) or EMPTY, 0
    while node != EMPTY:
        nodes.append(node)
        if not is_branch(node) or child_hash(node, nibble(path, depth)) == ZERO_HASH:
            break
        depth += 1
        place = place_of(depth, path)
        below = read(place)
        if below is None:
            raise MissingNodeError(f"the trie has no node at {place.hex()}, its parent names one")
        node = below
    return tuple(nodes)


def committed_value(root: Hash, key: bytes, nodes: Sequence[Node]) -> bytes | None:
    """The value hash of a row in the trie with this root, None where the row is not there; `Invalid` where `nodes` do not show it."""
    if len(nodes) > PATH_NODES_MAX:
        raise _bad(f"{len(nodes)} nodes, at most {PATH_NODES_MAX} wanted")
    path, wanted, found = path_of(key), root, None
    for depth, node in enumerate(nodes):
        if wanted == ZERO_HASH:
            raise _bad(f"a node at depth {depth}, where there is none")
        _require_shape(node, depth)
        if node_hash(node) != wanted:
            raise _bad(f"the node at depth {depth} has hash {node_hash(node).hex()}, {wanted.hex()} wanted")
        if is_branch(node):
            wanted = Hash(child_hash(node, nibble(path, depth)))
        else:
            at = find_entry(node, path)
            found, wanted = (node[at + HASH_BYTES : at + ENTRY_BYTES] if at >= 0 else None), ZERO_HASH
    if wanted != ZERO_HASH:
        raise _bad(f"the path ends at depth {len(nodes)}, the node {wanted.hex()} is wanted")
    return found


def _require_shape(node: Node, depth: int) -> None:
    size = len(node)
    is_shaped = {
        BRANCH: size == BRANCH_BYTES and depth < DEPTH_MAX,
        BUCKET: ENTRY_BYTES < size <= BUCKET_BYTES_MAX and (size - 1) % ENTRY_BYTES == 0,
    }
    if not node or not is_shaped.get(node[0], False):
        raise _bad(f"the node at depth {depth} is no bucket and no branch")


def _bad(text: str) -> Invalid:
    return Invalid(Code.BAD_PROOF, f"state proof: {text}")
