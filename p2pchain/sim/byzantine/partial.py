"""To some this, to others that or nothing: what one half of the network believes the other half shall not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_envelope
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import payment, sibling, subject_of
from p2pchain.sim.byzantine.interface import Actor, Sent, Strategy
from p2pchain.sim.population import consensus_signer
from p2pchain.sim.tolerance import tolerated
from p2pchain.wire.messages import BallotMessage, BlockMessage, Message

SIBLINGS_TRIED = 12


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

    def signs(self, request: SignRequest) -> bool:
        if not isinstance(request, SignBlock):
            return True
        faces = self._faces(request)
        if len(faces) == 2:
            for raw in faces.values():
                self._support(raw)
        return len(faces) < 2

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        if isinstance(message, BlockMessage):
            subject = subject_of(message.raw)
            if self._is_allied(message.raw) and subject.block not in self.actor.engine.core.tree:
                self._support(message.raw)
        return True

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:
        """A block of an ally is passed on to its own side only; about such blocks nothing else is said."""
        if isinstance(message, BlockMessage) and self._is_allied(message.raw):
            return (Sent(message),) if target % 2 == subject_of(message.raw).block[-1] % 2 else ()
        return (Sent(message),)

    def _faces(self, request: SignBlock) -> dict[int, bytes]:
        """A block for each side, by side."""
        faces: dict[int, bytes] = {}
        for amount in range(SIBLINGS_TRIED):
            made = sibling(self.actor.engine, request, [*request.transactions, payment(self.actor, amount + 1)])
            if made is not None:
                raw = self.actor.block(made)
                faces.setdefault(subject_of(raw).block[-1] % 2, raw)
        return faces

    def _support(self, raw: bytes) -> None:
        """The block, a vote and a confirm for its side; allies hear of it too."""
        subject = subject_of(raw)
        vote, confirm = (BallotMessage(self.actor.ballot(kind, subject)) for kind in (Kind.VOTE, Kind.CONFIRM))
        self.acted()
        for target in self.actor.connected():
            if target % 2 == subject.block[-1] % 2 or target in self.actor.allies:
                for message in (BlockMessage(raw), vote, confirm):
                    self.actor.send(target, message)

    def _is_allied(self, raw: bytes) -> bool:
        return decode_envelope(raw).header.producer in self._keys
