"""A trie looked at from outside: every node that its root leads to."""

from __future__ import annotations

from p2pchain.chain.trie.nodes import CHILDREN, EMPTY, ROOT_PLACE, Node, NodeReader, child_hash, is_branch, node_hash, place_of
from p2pchain.chain.types import ZERO_HASH


def reachable(read: NodeReader) -> dict[bytes, Node]:
    """The nodes by their places; each is what its parent says that it is."""
    found: dict[bytes, Node] = {}
    if (read(ROOT_PLACE) or EMPTY) == EMPTY:
        return found
    waiting: list[tuple[bytes, int, bytes, bytes | None]] = [(ROOT_PLACE, 0, bytes(32), None)]
    while waiting:
        place, depth, path, name = waiting.pop()
        node = read(place)
        assert node is not None, f"no node at {place.hex()}"
        assert name in {None, node_hash(node)}, f"another node at {place.hex()} than its parent names"
        found[place] = node
        if is_branch(node):
            for number in range(CHILDREN):
                below = below_path(path, depth, number)
                if child_hash(node, number) != ZERO_HASH:
                    waiting.append((place_of(depth + 1, below), depth + 1, below, child_hash(node, number)))
    return found


def below_path(path: bytes, depth: int, number: int) -> bytes:
    half, odd = divmod(depth, 2)
    return path[:half] + bytes((path[half] | number if odd else number << 4,)) + path[half + 1 :]
