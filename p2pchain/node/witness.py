"""What this node has seen delegates sign, whatever came of it: the way from verified messages to the watch.

Blocks that are refused, ballots that come too late and the signatures inside of certificates count here like any others.
Nothing from the future is heard, so nobody can push its own past out of the watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from p2pchain.chain.block import Block, Envelope
from p2pchain.chain.evidence import Signed, SignedHeader, offence_of
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Ballot, Certificate
from p2pchain.node.core import Core
from p2pchain.node.effects import ContradictionSeen


class Witness:
    """Tells everybody of a contradiction, once."""

    def __init__(self, core: Core, known_voters: Callable[[], frozenset[PublicKey]]) -> None:
        self._core = core
        self._known_voters = known_voters

    def see_block(self, block: Block | Envelope) -> None:
        """Whose header was verified, whether its transactions are here or not."""
        header = block.header
        if header.producer in self._known_voters():
            self._hear(header.slot, SignedHeader(header.producer, header.slot, block.header_raw, block.signature))

    def see_certificate(self, certificate: Certificate) -> None:
        """Two certificates for one slot are how those who were cut off from each other learn who spoke on both sides."""
        kind, subject, signatures, _ = certificate
        self.see_ballots(Ballot(kind, subject, voter, signature) for voter, signature in signatures.items())

    def see_ballots(self, ballots: Iterable[Ballot]) -> None:
        known = self._known_voters()
        for ballot in ballots:
            if ballot.voter in known:
                self._hear(ballot.subject.slot, ballot)

    def _hear(self, slot: int, signed: Signed) -> None:
        if slot > self._core.slot + 1:
            return
        pair = self._core.watch.hear(signed)
        if pair is not None:
            self._core.effects.publish.append(ContradictionSeen(offence_of(signed), *pair))
