"""Final blocks once more, by the very door through which a catch-up brings them: for whoever checks or rebuilds a chain.

A block enters by `importer`, its confirms by `consensus`; nothing is judged here by a rule of its own.  The signatures
were checked before, as in a node.  What each block does comes back as a `Commit`: who keeps it durable says `settled`.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.block import Block
from p2pchain.chain.crypto import SignatureCheck, Verified
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.mempool import Limits
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.state import View
from p2pchain.chain.tree import Root
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Certificate, Kind, Subject, certificate_checks
from p2pchain.node.effects import Commit, Effects
from p2pchain.node.engine import NOT_RECOVERED, Engine, Identity
from p2pchain.node.intake import Intake
from p2pchain.node.sync import UNPROVEN_MAX

_LIMITS = Limits(transactions_max=1)
"""Nothing waits here."""


class Replay:
    """An engine without key, peers or pool that is given final blocks in order."""

    def __init__(self, spec: ChainSpec, root: Root, view: View, now_ms: int, recoveries: Recoveries = NOT_RECOVERED) -> None:
        self._engine = Engine(spec, root, view, Identity(), _LIMITS, now_ms, recoveries=recoveries)
        self.chain_id = ChainId(spec.chain_id)
        self._intake = Intake(self._engine.core)

    @property
    def final(self) -> Subject:
        """The last block that is proven."""
        return self._engine.core.tree.root.subject

    @property
    def reached(self) -> int:
        """Height of the last block that was taken."""
        tree = self._engine.core.tree
        return max((node.height for node in tree.nodes()), default=tree.root.height)

    def read(self, raw: bytes) -> tuple[Block, list[SignatureCheck]]:
        """A stored block and every signature in it; `Invalid` where it is malformed."""
        return self._intake.read_block(raw)

    def read_confirms(self, subject: Subject, raw: bytes) -> tuple[Certificate | None, list[SignatureCheck]]:
        """The confirms that are stored with a block, None for empty bytes; `Invalid` where they are none, or another block's."""
        certificate = self._intake.read_certificate(raw)
        if certificate is None:
            return None, []
        if certificate.kind is not Kind.CONFIRM or certificate.subject != subject:
            found = f"{certificate.kind.name.lower()}s of {certificate.subject.block.hex()}"
            raise Invalid(Code.WRONG_CERTIFICATE, f"beside the block stand {found}, its own confirms wanted")
        return certificate, certificate_checks(certificate, self.chain_id)

    def read_votes(self, raw: bytes) -> Certificate | None:
        """A stored certificate of votes; None for empty bytes."""
        return self._intake.read_certificate(raw)

    def extend(self, verified: Verified[Block], confirms: Verified[Certificate] | None) -> Commit:
        """Take the next final block: what is to be written now.  A `Refusal` where it cannot be final, or is not proven."""
        core, block = self._engine.core, verified.value
        core.effects = Effects()
        self._engine.consensus.recover()
        self._engine.importer.add(block, in_sync=True)
        self._engine.consensus.recover()
        core.head = core.tree.head()
        if confirms is not None:
            self._engine.consensus.accept_certificate(confirms.value)
            if core.tree.root.height < block.header.height:
                count = len(confirms.value.signatures)
                raise Invalid(Code.WRONG_CERTIFICATE, f"{count} confirms are no quorum of the delegates that vote on it", found=count)
        self._require_proof(block)
        return core.effects.commit

    def settled(self) -> None:
        """What the last commit said is in the view."""
        self._engine.settled()

    def restore(self, blocks: Sequence[tuple[Block, Certificate | None]]) -> None:
        """Blocks above the final one that the view's owner has, as a node restores them at its start."""
        self._engine.restore(list(blocks))

    def add_unfinal(self, verified: Verified[Block], votes: Verified[Certificate] | None) -> Commit:
        """A block that is stored above the final one; `NotYet` where its parent fell away or its time has not come."""
        core = self._engine.core
        core.effects = Effects()
        node = self._engine.importer.add(verified.value, in_sync=True)
        if votes is not None and node is not None and not self._engine.consensus.accept_certificate(votes.value):
            raise Invalid(Code.WRONG_CERTIFICATE, f"{len(votes.value.signatures)} votes are no quorum of the delegates that vote on it")
        return core.effects.commit

    def _require_proof(self, block: Block) -> None:
        """As many blocks may wait for a proof as a catch-up lets wait."""
        tree = self._engine.core.tree
        node = tree.get(block.id)
        if node is None or node is tree.root or tree.stands_on_certified(node):
            return
        if block.header.height - tree.root.height > UNPROVEN_MAX:
            raise Invalid(Code.WRONG_CERTIFICATE, f"no certificate proves the {UNPROVEN_MAX} blocks below it final")
