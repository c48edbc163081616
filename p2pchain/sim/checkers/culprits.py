"""S2: where more lie than a chain can bear and it splits, what was said convicts more than f, and nobody honest ever.

For worlds whose active set never changes.  Everything that any node verified is collected: it is what the operators of
all nodes together could put on a table.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.chain.block import Block
from p2pchain.chain.forensics import Seen, culprits, seen
from p2pchain.chain.types import BlockId, PublicKey
from p2pchain.chain.votes import Ballot, Certificate
from p2pchain.node import events
from p2pchain.node.events import Event
from p2pchain.sim.tolerance import tolerated

BALLOTS_MAX = 200_000
"""About 100 MB; 100 slots of 31 members take 6,200, and a flood may add as many again for each liar.  The rest is not collected."""


class CulpritsChecker:
    """Collects ballots and blocks, and asks who must have lied."""

    def __init__(self, members: frozenset[PublicKey], honest: frozenset[PublicKey]) -> None:
        self._members = members
        self._honest = honest
        self._ballots: dict[Ballot, None] = {}
        self._blocks: dict[BlockId, Seen] = {}
        self.is_split = False
        """Whether two honest nodes finalised different blocks."""

    def heard(self, event: Event) -> None:
        """Something that a node verified."""
        match event:
            case events.BallotReceived():
                self._say(event.ballot.value)
            case events.CertificateReceived():
                self._read(event.certificate.value)
            case events.BlockReceived():
                self._see(event.block.value)
            case events.BlocksReceived():
                for block, certificate in event.blocks:
                    self._see(block.value)
                    self._read(certificate.value if certificate is not None else None)
            case _:
                pass

    def end(self) -> Iterator[tuple[str, str]]:
        """(invariant, who was framed, or how few were found)."""
        found = culprits(self._members, self._ballots, self._blocks.values())
        for key, proof in found.items():
            if key in self._honest:
                yield "S2b", f"honest delegate {key.hex()[:12]} is convicted by {type(proof).__name__}: {proof}"
        wanted = tolerated(len(self._members)) + 1
        if self.is_split and len(found) < wanted and len(self._ballots) < BALLOTS_MAX:
            yield "S2", f"the chain is split and {len(found)} of {len(self._members)} delegates are convicted, at least {wanted} wanted"

    def _say(self, ballot: Ballot) -> None:
        if len(self._ballots) < BALLOTS_MAX and ballot.voter in self._members:
            self._ballots.setdefault(ballot)

    def _read(self, certificate: Certificate | None) -> None:
        if certificate is not None:
            for voter, signature in certificate.signatures.items():
                self._say(Ballot(certificate.kind, certificate.subject, voter, signature))

    def _see(self, block: Block) -> None:
        if len(self._blocks) < BALLOTS_MAX:
            self._blocks.setdefault(block.id, seen(block))
        self._read(block.certificate)
