"""What a block adds to the seed of later rounds: a value that its producer was bound to before it could know its effect.

Each block reveals the preimage of the commitment that the producer's key made with its block before, in the same branch, and commits to
the next preimage.  The commitment belongs to the consensus key, not to the delegate: retiring and registering
again, with the same key or another, neither frees a key from its word nor gives it a second one to choose from.

Preimages come from one secret and the slot of the commitment, so nothing has to be kept on disk: after a crash, on
another branch or on another machine the state of the branch says which preimage is due.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.crypto import Domain, Signer, digest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.state import Commitment
from p2pchain.chain.types import ZERO_HASH, ChainId, Hash


class Draw(NamedTuple):
    """A block's part in the lottery, as its header shows it."""

    reveal: Hash
    """Preimage of the key's commitment in the parent's state; zero where there is none."""
    commitment: Hash
    """To what this key's next block reveals."""


class RevealSecret:
    """What a delegate's preimages are made of.  Whoever learns it can foresee its reveals, and nothing else."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def derive(cls, signer: Signer, chain_id: ChainId) -> RevealSecret:
        """From the consensus key, by one signature: Ed25519 is deterministic, so the key has the same secret wherever it signs."""
        return cls(digest(Domain.REVEAL_SECRET, signer.sign(Domain.REVEAL_SECRET, chain_id, b"")))

    def __repr__(self) -> str:
        return "RevealSecret(...)"

    def reveal(self, slot: int) -> Hash:
        """The preimage of the commitment that a block in `slot` makes."""
        return digest(Domain.REVEAL, self._secret + slot.to_bytes(8, "big"))

    def draw(self, due: Commitment | None, slot: int) -> Draw | None:
        """The draw of a block in `slot`; None where what is due was not committed to with this secret."""
        reveal = ZERO_HASH if due is None else self.reveal(due.slot)
        is_ours = due is None or commitment_to(reveal) == due.commitment
        return Draw(reveal, commitment_to(self.reveal(slot))) if is_ours else None


def commitment_to(reveal: bytes) -> Hash:
    return digest(Domain.COMMITMENT, reveal)


def validate_reveal(due: Commitment | None, reveal: bytes) -> None:
    """`Invalid` where the reveal is not the one that the key is bound to in this branch."""
    if due is None and reveal != ZERO_HASH:
        raise Invalid(Code.WRONG_REVEAL, f"block reveals {reveal.hex()}, zero wanted: its key has made no commitment", found=reveal)
    if due is not None and commitment_to(reveal) != due.commitment:
        wanted = due.commitment
        raise Invalid(
            Code.WRONG_REVEAL,
            f"block reveals {reveal.hex()}, the preimage of {wanted.hex()} (made in slot {due.slot}) wanted",
            found=reveal,
            wanted=wanted,
        )
