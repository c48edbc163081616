"""To some this, to others that or nothing: what one half of the network believes the other half shall not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.types import BlockId
from p2pchain.chain.votes import Kind, decode_certificate
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import payment, sibling, subject_in, subject_of
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.sim.population import consensus_signer
from p2pchain.sim.tolerance import tolerated
from p2pchain.wire.messages import BallotMessage, BlockMessage, CertificateMessage, CompactBlock, Message

SIBLINGS_TRIED = 12
FACES_KEPT = 64
"""Two a slot, of the last slots: older ones are final or gone."""


class SplitVotes(Strategy):
    """Each of its ballots reaches half of the others, another half each time."""

    NAME: ClassVar[str] = "split_votes"
    DOC: ClassVar[str] = "a delegate sends each of its ballots to half of the others"

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        if not self.is_own_ballot(message) or not isinstance(message, BallotMessage):
            return (Sent(message),)
        side = message.ballot.signature[0] + target
        if side % 2:
            return (Sent(message),)
        self.acted()
        return ()


class SelectiveSilence(Strategy):
    """Speaks to f+1 of the others only; to the rest it is down, though it hears them."""

    NAME: ClassVar[str] = "selective_silence"
    DOC: ClassVar[str] = "a delegate speaks to f+1 of the others and to nobody else"

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        friends = sorted(self.actor.connected(), key=lambda node: (node + self.actor.number) % 7)
        most = tolerated(len(self.actor.engine.core.tree.root.schedule.active)) + 1
        if target in friends[:most]:
            return (Sent(message),)
        self.acted()
        return ()


class TwoFaced(Strategy):
    """Two blocks in each slot of a conspirator, one for the even and one for the odd nodes, and all allies vote for both.

    The side that a block is for is the last bit of its id, so that allies need not speak to one another.
    """

    NAME: ClassVar[str] = "two_faced"
    DOC: ClassVar[str] = "a leader signs one block for each half of the network, and all dishonest delegates vote for and confirm both"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._keys = frozenset(consensus_signer(node).public_key for node in actor.allies) | {actor.key}
        self._faces: deque[BlockId] = deque(maxlen=FACES_KEPT)
        """Blocks of allies: each is supported once, and what the engine says of them reaches their side only."""

    def signs(self, request: SignRequest) -> bool:
        if not isinstance(request, SignBlock):
            return True
        faces = self._make_faces(request)
        for raw in faces.values() if len(faces) == 2 else ():
            self._support(raw)
        return len(faces) < 2

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        if isinstance(message, BlockMessage) and decode_envelope(message.raw).header.producer in self._keys:
            self._support(message.raw)
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        block = self._face_in(message)
        if block is None:
            return (Sent(message),)
        is_for_it = target % 2 == _side(block) and not self.is_own_ballot(message)
        return (Sent(message),) if is_for_it else ()

    def _make_faces(self, request: SignBlock) -> dict[int, bytes]:
        """A block for each side, by side."""
        faces: dict[int, bytes] = {}
        for amount in range(SIBLINGS_TRIED):
            made = sibling(self.actor.engine, request, [*request.transactions, payment(self.actor, amount + 1)])
            if made is not None and len(faces) < 2:
                raw = self.actor.block(made)
                faces.setdefault(_side(subject_of(raw).block), raw)
        return faces

    def _support(self, raw: bytes) -> None:
        """The block, a vote and a confirm for its side; allies hear of the block too."""
        subject = subject_of(raw)
        if subject.block in self._faces:
            return
        self._faces.append(subject.block)
        self.acted()
        ballots = [BallotMessage(self.actor.ballot(kind, subject)) for kind in Kind]
        for target in self.actor.connected():
            is_of_side = target % 2 == _side(subject.block)
            if is_of_side or target in self.actor.allies:
                self.actor.send(target, BlockMessage(raw))
            for ballot in ballots if is_of_side else ():
                self.actor.send(target, ballot)

    def _face_in(self, message: Message) -> BlockId | None:
        """The block of an ally that a message is or speaks about."""
        match message:
            case BlockMessage() | CompactBlock():
                subject = subject_in(message)
                assert subject is not None
                block = subject.block
            case BallotMessage():
                block = message.ballot.subject.block
            case CertificateMessage():
                block = decode_certificate(message.raw).subject.block
            case _:
                return None
        return block if block in self._faces else None


def _side(block: BlockId) -> int:
    return block[-1] % 2
