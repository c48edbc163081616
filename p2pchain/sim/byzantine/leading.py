"""Leaders that put their block where it does not belong, or something into it that does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from p2pchain.chain.block import decode_header
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import Hash, Signature, Slot
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import Place, altered, elsewhere, payment
from p2pchain.sim.byzantine.interface import Sent, Strategy
from p2pchain.wire.messages import BallotMessage, BlockMessage, CertificateMessage, Message

FAR_SLOTS = 40


class _Leader(Strategy):
    """Signs other blocks in its slot than its engine asks for, or beside it."""

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        """What to send to everybody instead of the block; nothing where the block shall go out as it is."""
        raise NotImplementedError

    def signs(self, request: SignRequest) -> bool:
        made = list(self.lead(request)) if isinstance(request, SignBlock) else []
        for each in made:
            self.acted()
            self.actor.say(BlockMessage(self.actor.block(each)))
        return not made


class OldCertificate(_Leader):
    """Builds on the last final block, past everything that is certified above it, with a stale certificate or none."""

    NAME: ClassVar[str] = "old_certificate"
    DOC: ClassVar[str] = "a leader builds on the last final block or an old parent, with a stale certificate or none"

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        tree, slot = self.actor.engine.core.tree, decode_header(request.header).slot
        parent = tree.get(decode_header(request.header).parent)
        below = tree.path(parent)[:-1] if parent is not None else []
        base = self.actor.random.choice([tree.root, *below])
        certificates = [node.certificate.raw for node in tree.path(base) if node.certificate is not None]
        return [elsewhere(self.actor.engine, request, Place(base, slot), request.transactions, next(iter(certificates), b""))]


class BadStateRoot(_Leader):
    """A block whose header promises another state than executing it gives."""

    NAME: ClassVar[str] = "bad_state_root"
    DOC: ClassVar[str] = "a leader signs a state root that is not the outcome of its block"

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        header = decode_header(request.header)._replace(state_root=Hash(self.actor.random.randbytes(32)))
        return [altered(request, header, request.transactions, request.certificate)]


class BadTransactions(_Leader):
    """A block with one transaction that may not be in it: a gap before it, a false signature, too low a fee, or it twice."""

    NAME: ClassVar[str] = "bad_transactions"
    DOC: ClassVar[str] = "a leader includes a transaction with a nonce gap, a false signature or too low a fee, or one twice"

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        transactions = [*request.transactions, *self._bad()]
        root = merkle_root([transaction.id for transaction in transactions])
        return [altered(request, decode_header(request.header)._replace(transactions_root=root), transactions, request.certificate)]

    def _bad(self) -> list[Transaction]:
        good = payment(self.actor, 1)
        match self.actor.random.choice(("gap", "signature", "fee", "twice")):
            case "gap":
                return [payment(self.actor, 1, ahead=7)]
            case "signature":
                false = Signature(bytes(64))
                return [good._replace(signature=false, raw=good.raw[:-64] + false)]
            case "fee":
                return [payment(self.actor, 1, fee=0)]
            case _:
                return [good, good]


class WrongSlotBlocks(_Leader):
    """Beside its block the same for slots that are past, far ahead, or somebody else's."""

    NAME: ClassVar[str] = "wrong_slot_blocks"
    DOC: ClassVar[str] = "a leader signs blocks for past slots, for its own slots to come and for slots of others"

    def signs(self, request: SignRequest) -> bool:
        super().signs(request)
        return True

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        slot, tree = decode_header(request.header).slot, self.actor.engine.core.tree
        parent = tree.get(decode_header(request.header).parent)
        if parent is None:
            return
        leads = [at for at in range(slot + 1, slot + FAR_SLOTS) if parent.schedule.turn(at).delegate.consensus_key == self.actor.key]
        for at in {*leads[:2], *leads[-1:]}:
            yield elsewhere(self.actor.engine, request, Place(parent, at), request.transactions, request.certificate)
        if self.actor.random.random() < 0.3:  # these end the connection
            at = self.actor.random.choice((parent.slot, slot + 1))
            yield altered(request, decode_header(request.header)._replace(slot=Slot(at)), request.transactions, request.certificate)


class HideCertificate(_Leader):
    """Helps a certificate into being and shows it to nobody: it may be the only one that is locked."""

    NAME: ClassVar[str] = "hide_certificate"
    DOC: ClassVar[str] = "a delegate collects votes without passing them on, never shows a certificate and confirms alone"

    def lead(self, request: SignBlock) -> Iterable[SignBlock]:
        """Without the certificate that others might not have yet."""
        if not request.certificate:
            return ()
        return [altered(request, decode_header(request.header), request.transactions, b"")]

    def outgoing(self, target: int, message: Message) -> Iterable[Sent]:  # noqa: ARG002
        is_others_vote = isinstance(message, BallotMessage) and message.ballot.kind is Kind.VOTE and not self.is_own_ballot(message)
        if isinstance(message, CertificateMessage) or is_others_vote:
            self.acted()
            return ()
        return (Sent(message),)
