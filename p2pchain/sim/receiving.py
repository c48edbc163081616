"""What comes into a process, from bytes to events: frames, submissions, and its own signed things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from p2pchain.chain.block import header_check
from p2pchain.chain.crypto import Domain, Verified, attest
from p2pchain.chain.errors import Code, Invalid, Refusal
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, ballot_checks, encode_subject
from p2pchain.node import effects as e
from p2pchain.node import events
from p2pchain.node.events import Event, Peer, RequestId
from p2pchain.node.intake import OpenedTransaction, require_verified
from p2pchain.node.producer import sealed
from p2pchain.sim.lane import Parcel
from p2pchain.sim.shared import Shared
from p2pchain.wire.errors import ConnectionRefused, Reason
from p2pchain.wire.messages import Message

if TYPE_CHECKING:
    from p2pchain.sim.process import Process


class Submission(NamedTuple):
    """What a client, or the journal, hands in."""

    raw: Sequence[bytes]


class Receiving:
    """The intake of a process, and its signing desk."""

    def __init__(self, process: Process, shared: Shared) -> None:
        self._process = process
        self._shared = shared
        self._chain_id = ChainId(shared.spec.chain_id)
        self._requests = 0

    def open(self, parcel: Parcel) -> Event | None:
        """The event in a frame over a living connection; None where it says nothing new, or ends the connection."""
        connection, source, target, frame = parcel
        shared = self._shared
        shared.watch.trace.delivered(shared.agenda.now_ms, source, target, frame)
        try:
            message = shared.memo.message(frame)
            if self._process.strategies and not self._is_heard(source, message):
                return None
            opened = self._process.intake.open(Peer(connection.number), message)
            return None if opened is None else opened.finish(shared.memo.verify(opened.checks))
        except Invalid as refusal:
            consequence = self._process.intake.consequence(Peer(connection.number), message, refusal)
            self._process.sending.refuse(connection, Reason.INVALID_DATA, str(refusal), consequence)
        except ConnectionRefused as refusal:
            self._process.sending.refuse(connection, refusal.reason, refusal.message, refusal.consequence)
        return None

    def open_submission(self, submission: Submission) -> Event:
        """What a client wants, each transaction verified or refused."""
        self._requests += 1
        items = tuple(self._attest(opened) for opened in self._process.intake.open_submitted(submission.raw))
        return events.TransactionsSubmitted(RequestId(self._requests), items)

    def sign(self, request: e.SignRequest) -> Event:
        """Our own signed thing comes in by the same door as a stranger's."""
        memo, watch, sign = self._shared.memo, self._shared.watch, self._process.signer.sign
        if isinstance(request, e.SignBlock):
            watch.signed(self._process, "block", request)
            signature = sign(Domain.BLOCK, self._chain_id, request.header)
            memo.learn(header_check(request.header, self._process.signer.public_key, signature, self._chain_id), holds=True)
            block, checks = self._process.intake.read_block(sealed(request, signature))
            return events.BlockReceived(None, require_verified(block, memo.verify(checks), "our own block"))
        watch.signed(self._process, request.kind.name.lower(), request)
        signature = sign(request.kind.domain, self._chain_id, encode_subject(request.subject))
        ballot = Ballot(request.kind, request.subject, self._process.signer.public_key, signature)
        for check in ballot_checks(ballot, self._chain_id):
            memo.learn(check, holds=True)
        return events.BallotReceived(None, require_verified(ballot, [True], "our own ballot"))

    def _is_heard(self, source: int, message: Message) -> bool:
        """Every strategy hears it, whatever another makes of it."""
        answers = [strategy.hears(source, message) for strategy in self._process.strategies]
        return all(answers)

    def _attest(self, opened: OpenedTransaction | Refusal) -> Verified[Transaction] | Refusal:
        if isinstance(opened, Refusal):
            return opened
        verified = attest(opened.value, self._shared.memo.verify(opened.checks))
        return verified or Invalid(Code.BAD_SIGNATURE, "a signature in this transaction is not its signer's")
