"""History told again: a rival, one slot later, for a block that this node voted for and confirmed."""

from __future__ import annotations

from typing import ClassVar

from p2pchain.chain.block import block_id, decode_header
from p2pchain.chain.types import Slot
from p2pchain.chain.votes import Kind, Subject
from p2pchain.chain.voting import SignState
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import Place, altered, elsewhere, header_in
from p2pchain.sim.byzantine.interface import Actor, Strategy
from p2pchain.sim.population import consensus_signer
from p2pchain.wire.messages import BallotMessage, BlockMessage, Message


class Rewrite(Strategy):
    """Keeps to the rules of each slot and forgets those between slots: one vote and one confirm a slot, none that any lock allows.

    Whoever did not hear the block before may vote for its rival.  It takes more than f who do this to split a chain, and what
    convicts them then is amnesia alone: there are no two signatures in one slot.
    """

    NAME: ClassVar[str] = "rewrite"
    DOC: ClassVar[str] = "a leader builds beside the block of the slot before, which it confirmed, and all dishonest delegates vote for it"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._keys = frozenset(consensus_signer(node).public_key for node in actor.allies) | {actor.key}
        self._rival: SignBlock | None = None
        """For this node's next slot, beside the newest block that came."""
        self._supported = 0
        """The last slot in which a rival was voted for."""

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        header = header_in(message)
        if header is not None:
            self._prepare(header)
            self._support(header)
        return True

    def slot_began(self, slot: int) -> None:
        if self._rival is not None and decode_header(self._rival.header).slot == slot:
            self.acted()
            self.actor.say(BlockMessage(self.actor.block(self._rival)))
            self._support(self._rival.header)

    def signs(self, request: SignRequest) -> bool:
        """Nothing else in the slot of a rival."""
        slot = decode_header(request.header).slot if isinstance(request, SignBlock) else request.subject.slot
        own = decode_header(self._rival.header).slot if self._rival is not None else 0
        return slot not in (own, self._supported)

    def _prepare(self, raw: bytes) -> None:
        header, core = decode_header(raw), self.actor.engine.core
        parent, slot = core.tree.get(header.parent), header.slot + 1
        if parent is None or parent.schedule.turn(slot).delegate.consensus_key != self.actor.key or core.slot >= slot:
            return
        template = SignBlock(raw, b"", (), SignState())
        made = elsewhere(self.actor.engine, template, Place(parent, slot), ())
        self._rival = altered(made, decode_header(made.header)._replace(producer=self.actor.key), (), b"")

    def _support(self, raw: bytes) -> None:
        """A vote and a confirm for a rival of an ally, one a slot."""
        header = decode_header(raw)
        subject = Subject(header.slot, header.height, block_id(raw))
        parent = self.actor.engine.core.tree.get(header.parent)
        is_rival = parent is None or any(child.slot < subject.slot for child in parent.children)
        if header.producer in self._keys and is_rival and subject.slot > self._supported:
            self._supported = Slot(subject.slot)
            for kind in Kind:
                self.actor.say(BallotMessage(self.actor.ballot(kind, subject)))
