"""The signer at work: first the record is on disk, then the signature exists (S3).

Lives in the shell because a signature leaves the process; the decision to sign was the engine's.
"""

from __future__ import annotations

from p2pchain.chain.crypto import Domain, Signer, verify_batch
from p2pchain.chain.types import ChainId
from p2pchain.chain.votes import Ballot, ballot_checks, encode_subject
from p2pchain.node.effects import SignBallot, SignBlock, SignRequest
from p2pchain.node.events import BallotReceived, BlockReceived, Event
from p2pchain.node.intake import Intake, require_verified
from p2pchain.node.ports import SignStates
from p2pchain.node.producer import sealed


class SigningDesk:
    """Signs what the engine asks for, once, and hands it back as an event like anybody else's."""

    def __init__(self, signer: Signer, states: SignStates, chain_id: ChainId) -> None:
        self._signer = signer
        self._states = states
        self._chain_id = chain_id

    def record(self, request: SignRequest) -> bytes:
        """Write the record, then sign; runs off the loop.  The store of states refuses to sign twice."""
        self._states.save(request.state)
        if isinstance(request, SignBlock):
            return self._signer.sign(Domain.BLOCK, self._chain_id, request.header)
        return self._signer.sign(request.kind.domain, self._chain_id, encode_subject(request.subject))

    def event(self, request: SignRequest, signature: bytes, intake: Intake) -> Event:
        """The signed thing, by the door that strangers' use: decoded and verified."""
        match request:
            case SignBlock():
                block, checks = intake.read_block(sealed(request, signature))
                return BlockReceived(None, require_verified(block, verify_batch(checks), "our own block"))
            case SignBallot():
                ballot = Ballot(request.kind, request.subject, self._signer.public_key, signature)  # type: ignore[arg-type]
                return BallotReceived(None, require_verified(ballot, verify_batch(ballot_checks(ballot, self._chain_id)), "our own ballot"))
