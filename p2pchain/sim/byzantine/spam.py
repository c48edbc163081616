"""More of everything than anybody needs: what a peer can make grow must have its bound (L5)."""

from __future__ import annotations

from typing import ClassVar

from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ChainId, Height, PublicKey, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject, encode_subject
from p2pchain.node.effects import SignBlock, SignRequest
from p2pchain.sim.byzantine.forging import payment, sibling, unknown_block
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.wire.messages import BallotMessage, BlockMessage, Transactions

TRANSACTIONS = 24
"""A slot: six times what the smallest pool of a world holds."""
BALLOTS = 12
SIBLINGS = 12


class SpamTransactions(Strategy):
    """Small transfers to itself at the least fee, with and without gaps in their nonces, and below the least fee."""

    NAME: ClassVar[str] = "spam_transactions"
    DOC: ClassVar[str] = "a delegate floods with small transfers at the least fee and below it, with gaps in their nonces and without"

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        chance = self.actor.random
        items = [payment(self.actor, chance.randint(1, 9), ahead=ahead) for ahead in range(TRANSACTIONS)]
        cheap = payment(self.actor, 1, fee=1)
        self.acted()
        for target in self.actor.connected():
            first = chance.choice((0, 0, 1))
            self.actor.send(target, Transactions([*(item.raw for item in items[first:]), cheap.raw]))


class SpamBallots(Strategy):
    """Ballots for slots near and far, for blocks that nobody has, by its own key and by keys of nobody."""

    NAME: ClassVar[str] = "spam_ballots"
    DOC: ClassVar[str] = "a delegate floods with ballots for far slots and unknown blocks, signed by its own and by strangers' keys"

    def slot_began(self, slot: int) -> None:
        self.acted()
        for _ in range(BALLOTS):
            ballot = self._ballot(slot)
            for target in self.actor.connected():
                self.actor.send(target, BallotMessage(ballot))

    def _ballot(self, slot: int) -> Ballot:
        chance = self.actor.random
        at = max(1, slot + chance.choice((0, 0, 1, 2, 500, 2**40, -1, -20)))
        subject = Subject(Slot(at), Height(chance.choice((1, at, 2**40))), unknown_block(self.actor))
        kind = chance.choice((Kind.VOTE, Kind.CONFIRM))
        if chance.random() < 0.5:
            return self.actor.ballot(kind, subject)
        stranger = KeySigner(SigningKey(chance.randbytes(32)))
        signature = stranger.sign(kind.domain, ChainId(self.actor.spec.chain_id), encode_subject(subject))
        return Ballot(kind, subject, PublicKey(stranger.public_key), signature)


class SpamBlocks(Strategy):
    """A dozen valid blocks in each slot of its own, to everybody, in another order to each."""

    NAME: ClassVar[str] = "spam_blocks"
    DOC: ClassVar[str] = "a leader signs a dozen valid blocks in its slot and sends all of them to everybody"

    def signs(self, request: SignRequest) -> bool:
        if not isinstance(request, SignBlock):
            return True
        made = (
            sibling(self.actor.engine, request, [*request.transactions, payment(self.actor, amount)]) for amount in range(1, SIBLINGS + 1)
        )
        blocks = [self.actor.block(each) for each in made if each is not None]
        for target in self.actor.connected():
            self.acted()
            for raw in self.actor.random.sample(blocks, len(blocks)):
                self.actor.send(target, BlockMessage(raw))
        return True
