"""Ballots and certificates that are signed and say what is not so."""

from __future__ import annotations

from typing import ClassVar

from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ChainId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject, make_certificate
from p2pchain.sim.byzantine.forging import subject_in, unknown_block
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.sim.population import consensus_signer
from p2pchain.wire.messages import BallotMessage, CertificateMessage, Message


class VoteWrongHeight(Strategy):
    """Ballots on a true block id with another slot or height: nobody may count them for that block, nor fall over them."""

    NAME: ClassVar[str] = "vote_wrong_height"
    DOC: ClassVar[str] = "a delegate signs ballots that name a true block with a wrong slot or height"

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        true = subject_in(message)
        if true is not None:
            lies = (
                true._replace(height=Height(true.height + 1)),
                true._replace(height=Height(1)),
                true._replace(slot=Slot(true.slot + 1)),
                true._replace(slot=Slot(max(1, true.slot - 1))),
            )
            self.acted()
            for kind in Kind:
                self.actor.say(BallotMessage(self.actor.ballot(kind, self.actor.random.choice(lies))))
        return True


class CertificateForger(Strategy):
    """Certificates of too few members, of as many strangers as it takes, or of members whose signatures are not theirs."""

    NAME: ClassVar[str] = "certificate_forger"
    DOC: ClassVar[str] = "a delegate sends certificates with too few members, with strangers, or with signatures that are nobody's"

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        core, chance = self.actor.engine.core, self.actor.random
        subject = core.head.subject
        if not subject.height or chance.random() < 0.3:
            subject = Subject(Slot(max(1, core.slot)), Height(subject.height + 1), unknown_block(self.actor))
        kind = chance.choice((Kind.VOTE, Kind.CONFIRM))
        signatures = self._strangers(kind, subject) | self._members(kind, subject)
        if chance.random() < 0.2:  # this ends the connection
            signatures |= {PublicKey(key): Signature(bytes(64)) for key in core.tree.root.schedule.keys}
        self.acted()
        self.actor.say(CertificateMessage(make_certificate(kind, subject, signatures).raw))

    def _members(self, kind: Kind, subject: Subject) -> dict[PublicKey, Signature]:
        """Its own and those of its allies, truly signed."""
        body, chain_id = encode_subject(subject), ChainId(self.actor.spec.chain_id)
        keys = [consensus_signer(node) for node in sorted(self.actor.allies)]
        own: Ballot = self.actor.ballot(kind, subject)
        return {own.voter: own.signature} | {PublicKey(key.public_key): key.sign(kind.domain, chain_id, body) for key in keys}

    def _strangers(self, kind: Kind, subject: Subject) -> dict[PublicKey, Signature]:
        body, chain_id, chance = encode_subject(subject), ChainId(self.actor.spec.chain_id), self.actor.random
        members = len(self.actor.engine.core.tree.root.schedule.keys)
        keys = [KeySigner(SigningKey(chance.randbytes(32))) for _ in range(chance.choice((0, members)))]
        return {PublicKey(key.public_key): key.sign(kind.domain, chain_id, body) for key in keys}
