"""The tree over a block's transactions: its root stands in the header, a path shows that one of them is in the block.

The shape is that of RFC 6962, section 2.1: hash in pairs, an odd last node moves up unchanged.  The number of transactions
is hashed into the root, so a path also shows the place: without it, place 4 of 5 and place 1 of 2 have the same path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from p2pchain.chain.crypto import Domain, digest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import HASH_BYTES, ZERO_HASH, Hash

_LEAF, _NODE = Domain.TRANSACTION_LEAF.prefix, Domain.TRANSACTION_NODE.prefix
_sha256 = hashlib.sha256


def merkle_root(ids: Sequence[bytes]) -> Hash:
    """Root over transaction ids in block order; zero for none.  Leaves, nodes and root are hashed in different domains."""
    if not ids:
        return ZERO_HASH
    level = _leaves(ids)
    while len(level) > 1:
        level = _above(level)
    return _root(len(ids), level[0])


def merkle_path(ids: Sequence[bytes], position: int) -> tuple[Hash, ...]:
    """The siblings of the leaf at `position` and of the nodes above it, lowest first; none where a node moves up unchanged."""
    assert 0 <= position < len(ids), f"position {position} of {len(ids)} transactions"
    level, path = _leaves(ids), []
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(Hash(level[sibling]))
        level, position = _above(level), position // 2
    return tuple(path)


def validate_merkle_path(root: Hash, item: bytes, position: int, count: int, path: Sequence[bytes]) -> None:
    """`Invalid` unless the path shows that the transaction is number `position` of `count` under the root."""
    if not 0 <= position < count:
        raise Invalid(Code.BAD_PROOF, f"transaction proof: position {position}, one below {count} wanted", found=position, wanted=count)
    siblings = list(path)
    node, place, width = _sha256(_LEAF + item).digest(), position, count
    while width > 1:
        if place ^ 1 < width:
            if not siblings:
                raise Invalid(Code.BAD_PROOF, f"transaction proof: {len(path)} hashes, more wanted for {count} transactions")
            sibling = siblings.pop(0)
            node = _sha256(_NODE + (sibling + node if place & 1 else node + sibling)).digest()
        place, width = place // 2, (width + 1) // 2
    if siblings or any(len(part) != HASH_BYTES for part in path):
        raise Invalid(Code.BAD_PROOF, f"transaction proof: {len(path)} hashes are not the path of one among {count} transactions")
    found = _root(count, node)
    if found != root:
        raise Invalid(Code.BAD_PROOF, f"transaction proof: the path leads to {found.hex()}, the header says {root.hex()}", found=found)


def _leaves(ids: Sequence[bytes]) -> list[bytes]:
    return [_sha256(_LEAF + item).digest() for item in ids]


def _above(level: list[bytes]) -> list[bytes]:
    """An odd last node moves up unchanged; it is not hashed with itself, so no two lists share a root."""
    pairs = [_sha256(_NODE + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) - 1 :] if len(level) % 2 else pairs


def _root(count: int, top: bytes) -> Hash:
    return digest(Domain.TRANSACTIONS, count.to_bytes(8, "big") + top)
