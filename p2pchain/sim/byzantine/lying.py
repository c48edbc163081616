"""Lies about where one stands: a peer that claims much and gives nothing must not stop anybody (L7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.types import Height, Slot
from p2pchain.chain.votes import Kind, Subject, make_certificate
from p2pchain.sim.byzantine.forging import subject_of, unknown_block
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.wire.messages import Blocks, GetBlocks, GetBodies, GetBranch, GetProofs, Message, Proofs, Status, Tips

BLOCKS_KEPT = 64
AHEAD_MAX = 40


def claim(actor: Actor, tips: Tips, ahead: int) -> Tips:
    """A final block so far above one's own, in a slot that nobody can call impossible."""
    final = tips.final
    ahead = min(ahead, max(0, actor.slot - final.slot))
    above = Subject(Slot(final.slot + ahead), Height(final.height + ahead), unknown_block(actor))
    return Tips(above, above)


class LieInSync(Strategy):
    """Claims final blocks that it has not, and answers for them with nothing, other blocks, or proofs that prove nothing."""

    NAME: ClassVar[str] = "lie_in_sync"
    DOC: ClassVar[str] = "a delegate claims more final blocks than it has and answers with nothing, a wrong range or false certificates"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._blocks: deque[bytes] = deque(maxlen=BLOCKS_KEPT)

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        head = self.actor.engine.core.head
        if head.block is not None and head.block.raw not in self._blocks:
            self._blocks.append(head.block.raw)

    def tips(self, tips: Tips) -> Tips:
        return claim(self.actor, tips, self.actor.random.randint(1, AHEAD_MAX))

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        return (Sent(Status(self.tips(message.tips)) if isinstance(message, Status) else message),)

    def hears(self, source: int, message: Message) -> bool:
        if not isinstance(message, GetBlocks | GetBranch | GetProofs | GetBodies):
            return True
        self.acted()
        if self.actor.random.random() < 0.8:  # else no answer at all
            items = self._answer(message)
            is_for_proofs = isinstance(message, GetProofs)
            self.actor.send(source, Proofs(message.request, _headers(items)) if is_for_proofs else Blocks(message.request, items))
        return False

    def _answer(self, question: GetBlocks | GetBranch | GetProofs | GetBodies) -> list[bytes]:
        """Pairs of blocks and certificates."""
        kept = list(self._blocks)
        at = 0 if isinstance(question, GetBranch) else question.from_height
        match self.actor.random.choice(("nothing", "others", "gap", "unproven", "false")):
            case "others":
                return [part for raw in kept[:8] for part in (raw, b"")]
            case "gap":
                return [part for raw in kept if subject_of(raw).height >= at for part in (raw, b"")][::2]
            case "unproven":
                return [part for raw in kept if subject_of(raw).height == at for part in (raw, b"")]
            case "false":
                return [part for raw in kept if subject_of(raw).height == at for part in (raw, self._proof(raw))]
            case _:
                return []

    def _proof(self, raw: bytes) -> bytes:
        """Confirmed by itself alone."""
        ballot = self.actor.ballot(Kind.CONFIRM, subject_of(raw))
        return make_certificate(ballot.kind, ballot.subject, {ballot.voter: ballot.signature}).raw


def _headers(items: list[bytes]) -> list[bytes]:
    """The same with headers for blocks."""
    return [decode_envelope(item).header_raw if place % 2 == 0 else item for place, item in enumerate(items)]


class LieTips(Strategy):
    """Claims height X, then a lower one, then X again, so that whoever wants to catch up never ends."""

    NAME: ClassVar[str] = "lie_tips"
    DOC: ClassVar[str] = "a delegate claims to be far ahead, then behind, and so on, and honestly answers what it can"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._is_high = False

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        """Several times in each slot, not only where something changed."""
        for _ in range(3):
            self.actor.say(Status(self.tips(self.actor.engine.core.tips())))

    def tips(self, tips: Tips) -> Tips:
        self._is_high = not self._is_high
        self.acted()
        if self._is_high:
            return claim(self.actor, tips, AHEAD_MAX)
        genesis = Subject(Slot(0), Height(0), unknown_block(self.actor))
        return Tips(genesis, genesis)

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        return (Sent(Status(self.tips(message.tips)) if isinstance(message, Status) else message),)
