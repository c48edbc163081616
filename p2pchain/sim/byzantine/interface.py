"""What a dishonest delegate is: the real engine with strategies between it and the world.

A strategy looks at what its node hears, changes or drops what it sends, refuses to sign, and speaks on its own through
its `Actor`, which signs whatever it likes.  Several strategies on one node are asked in the order of their names; what
one changes goes through the next.  Chance comes from `actor.random` alone, so that a world stays repeatable.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple, Protocol

from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.node.engine import Engine
from p2pchain.node.producer import sealed
from p2pchain.wire.messages import BallotMessage, Message, Tips


class Sent(NamedTuple):
    """A message on its way out."""

    message: Message
    delay_ms: int = 0


class Body(Protocol):
    """The process that an actor moves."""

    number: int
    is_copy: bool
    signer: KeySigner
    spec: ChainSpec

    @property
    def running(self) -> Engine: ...

    def now_ms(self) -> int: ...

    def connected(self) -> list[int]: ...

    def speak(self, target: int, message: Message) -> None: ...

    def speak_bytes(self, target: int, frame: bytes) -> None: ...

    def later(self, delay_ms: int, action: Callable[[], None]) -> None: ...

    def fall(self, down_ms: int) -> None: ...

    def acted(self, strategy: str) -> None: ...


class Actor:
    """The hands of a strategy."""

    def __init__(self, body: Body, chance: random.Random, allies: frozenset[int]) -> None:
        self._body = body
        self.random = chance
        self.allies = allies
        """All dishonest nodes of this world, oneself among them."""
        self.number = body.number
        self.is_copy = body.is_copy
        """Whether this is the second of two nodes with one key."""
        self.key = body.signer.public_key
        self.spec = body.spec

    @property
    def engine(self) -> Engine:
        """One's own engine, to look at and to bend."""
        return self._body.running

    @property
    def now_ms(self) -> int:
        """Time on this node's clock."""
        return self._body.now_ms()

    @property
    def slot(self) -> int:
        return self.spec.slot_at(self.now_ms)

    def connected(self) -> list[int]:
        """Nodes that can be spoken to, in ascending order."""
        return self._body.connected()

    def send(self, target: int, message: Message) -> None:
        """Straight to one node, past all strategies; nothing happens where it is not connected."""
        self._body.speak(target, message)

    def say(self, message: Message) -> None:
        """The same to everybody who can be spoken to."""
        for target in self.connected():
            self.send(target, message)

    def send_bytes(self, target: int, frame: bytes) -> None:
        """Straight to one node, whether that is a frame or not."""
        self._body.speak_bytes(target, frame)

    def fall(self, down_ms: int) -> None:
        """End this process; it is started again after a while."""
        self._body.fall(down_ms)

    def acted(self, strategy: str) -> None:
        """Count that a strategy did what it is for."""
        self._body.acted(strategy)

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Unless the process has ended by then."""
        self._body.later(delay_ms, action)

    def ballot(self, kind: Kind, subject: Subject) -> Ballot:
        """Signed, whatever was signed before."""
        body = encode_subject(subject)
        return Ballot(kind, subject, self.key, self._body.signer.sign(kind.domain, ChainId(self.spec.chain_id), body))

    def block(self, request: SignBlock) -> bytes:
        """The bytes of a block with a signature over its header."""
        return sealed(request, self._body.signer.sign(Domain.BLOCK, ChainId(self.spec.chain_id), request.header))


class Strategy:
    """One way to be dishonest; a subclass overrides what it needs.  A new one is made at each start of its node."""

    NAME: ClassVar[str]
    DOC: ClassVar[str]
    COPIES: ClassVar[int] = 1
    """Nodes that run with this one key: 2 for a twin, which has a sign state of its own."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def acted(self) -> None:
        """Each strategy says when it was dishonest, so that a run can be asked whether anything was tried (marker `byz_NAME`)."""
        self.actor.acted(self.NAME)

    def is_own_ballot(self, message: Message, kind: Kind | None = None) -> bool:
        """Whether a message is a ballot of this node's key, of this kind where one is named."""
        is_own = isinstance(message, BallotMessage) and message.ballot.voter == self.actor.key
        return is_own and (kind is None or message.ballot.kind is kind)  # type: ignore[union-attr]

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002  (for those who override)
        """What becomes of one message to one node."""
        return (Sent(message),)

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        """A message came in; false where the engine shall not hear it."""
        return True

    def signs(self, request: SignRequest) -> bool:  # noqa: ARG002
        """Whether the node signs what its engine asks for."""
        return True

    def slot_began(self, slot: int) -> None:
        """On true time, once a slot."""

    def tips(self, tips: Tips) -> Tips:
        """What a hello says of where this node stands."""
        return tips
