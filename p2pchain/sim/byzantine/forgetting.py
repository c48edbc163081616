"""Rules of voting that are forgotten one by one: the engine is the real one, its memory is not."""

from __future__ import annotations

from typing import ClassVar

from p2pchain.chain.votes import Kind, decode_certificate
from p2pchain.chain.voting import NOTHING, SignState
from p2pchain.sim.byzantine.forging import header_in
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.wire.messages import BallotMessage, CertificateMessage, Message


class Amnesiac(Strategy):
    """Before each block that it hears it forgets its lock and its last vote: it votes as if it had just been born."""

    NAME: ClassVar[str] = "amnesiac"
    DOC: ClassVar[str] = "a delegate forgets its lock and its last ballots before each block that it hears of"

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        core = self.actor.engine.core
        if header_in(message) is not None and core.sign is not None and core.sign != SignState(core.sign.produced):
            self.acted()
            core.sign = SignState(core.sign.produced)  # what it produced stays: a second block in a slot is another's strategy
        return True


class IgnoreLock(Strategy):
    """Keeps to one vote a slot, and votes against its lock; confirms whatever it sees certified, however old."""

    NAME: ClassVar[str] = "ignore_lock"
    DOC: ClassVar[str] = "a delegate votes against its lock and confirms every block that it sees certified"

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        core = self.actor.engine.core
        if header_in(message) is not None and core.sign is not None and core.sign.lock != NOTHING:
            self.acted()
            core.sign = core.sign._replace(lock=NOTHING)
        if isinstance(message, CertificateMessage):
            certificate = decode_certificate(message.raw)
            if certificate.kind is Kind.VOTE:
                self.acted()
                self.actor.say(BallotMessage(self.actor.ballot(Kind.CONFIRM, certificate.subject)))
        return True
