"""What an honest node keeps proves its final blocks by itself (decision 0032): looked at on its disk, after every step.

Said of a follower from the genesis, it holds for one at any height: above a block in between, a proof has fewer sets to satisfy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import decode_certificate
from p2pchain.node.ports import FinalBlock

INVARIANT = "own_proofs"


class ProofsChecker:
    """Follows each node's final blocks by the confirms that it keeps, as a stranger would that asked nobody else."""

    def __init__(self) -> None:
        self._proven: dict[int, int] = {}
        """Height up to which each node's own proofs lead."""
        self._told: set[int] = set()
        """Nodes of which something was found: each is told of once, or they would crowd out what others find."""

    def kept(self, node: int, final: Sequence[FinalBlock], governors: Sequence[frozenset[PublicKey]]) -> Iterator[tuple[str, str]]:
        """`final` from height 1 on; `governors` of each of them, as far as anybody could follow the chain."""
        start = self._proven.get(node, 0)
        self._proven[node] = end = min(len(final), len(governors))
        gap = next(_gaps(final[:end], governors, start), None) if node not in self._told else None
        if gap is not None:
            self._told.add(node)
            yield INVARIANT, gap


def _gaps(final: Sequence[FinalBlock], governors: Sequence[frozenset[PublicKey]], start: int) -> Iterator[str]:
    """Where a follower that is at `start` gets no further."""
    for height in range(start + 1, len(final) + 1):
        proof = final[height - 1].certificate
        if not proof:
            continue
        signers = decode_certificate(proof).signatures.keys()
        for members in set(governors[start:height]):
            if len(members & signers) < quorum(len(members)):
                yield f"the proof of block {height} has {len(members & signers)} of {len(members)} who vote above block {start}"
        start = height
    if start < len(final):
        yield f"blocks {start + 1} to {len(final)} are final and kept without a proof"
