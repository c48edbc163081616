"""Lies in true words: bad signatures, false claims, false answers, no answers.

Who claims more than it has costs others nothing, whether it then is silent, says nothing or something false.
"""

from __future__ import annotations

import secrets
from typing import ClassVar

import trio

from p2pchain.badpeers import forgery
from p2pchain.badpeers.answers import Answer, Silent
from p2pchain.badpeers.attack import JoinedAttack
from p2pchain.badpeers.handshakes import LATE_S, PATIENCE_S
from p2pchain.badpeers.peer import NOTHING, BadPeer
from p2pchain.chain.types import BlockId, Hash, Height, Slot
from p2pchain.chain.votes import Kind, Subject
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import (
    BallotMessage,
    BlockMessage,
    Blocks,
    CertificateMessage,
    GetBlocks,
    GetBranch,
    GetProofs,
    Message,
    Proofs,
    Status,
    Tips,
    Transactions,
)

_HELD: frozenset[Answer] = frozenset({Silent.HELD})
CLAIMED = 50
"""Final blocks more than the node has: each becomes believable with its slot."""
ECHOES = 4
WAVER_S = 0.05
NUMBER_MAX = 2**63 - 1


class _Forged(JoinedAttack):
    FAULT = "F17"
    ANSWERS: ClassVar[frozenset[Answer]] = frozenset({Reason.INVALID_DATA})
    WITHIN_S: ClassVar[float | None] = LATE_S
    SECONDS = PATIENCE_S


class BadSignature(_Forged):
    NAME = "bad-signature"
    SUMMARY = "sends a block above the node's head, or a transaction, whose signature is nobody's"
    WITHIN_S = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        await peer.say(self._forge(peer))

    async def react(self, peer: BadPeer, message: Message) -> None:
        if isinstance(message, Status):  # the head has moved: a block on an old one is nobody's business any more
            await peer.say(self._forge(peer))

    @staticmethod
    def _forge(peer: BadPeer) -> Message:
        signer, tip = peer.identity.signer, peer.theirs.head
        if peer.number % 2:
            return Transactions([forgery.transaction(signer, peer.chain_id, 0, tip.slot + 100, is_signed=False)])
        return BlockMessage(forgery.block(signer, peer.chain_id, tip, is_signed=False))


class ForgedVoice(_Forged):
    NAME = "forged-voice"
    SUMMARY = "hears a delegate's ballot and says in its name that it is for another block"
    WITHIN_S = None
    SECONDS = 40.0
    """An idle network says nothing until its next heartbeat."""

    async def react(self, peer: BadPeer, message: Message) -> None:
        if isinstance(message, BallotMessage):
            other = message.ballot.subject._replace(block=BlockId(Hash(secrets.token_bytes(32))))
            await peer.say(BallotMessage(message.ballot._replace(subject=other)))


class NoSuchThing(_Forged):
    NAME = "no-such-thing"
    SUMMARY = "sends random bytes as a block, a certificate or a transaction, in a true frame"

    async def strike(self, peer: BadPeer) -> None:
        junk = secrets.token_bytes(500)
        cases: tuple[Message, ...] = (BlockMessage(junk), CertificateMessage(junk), Transactions([junk]))
        await peer.say(cases[peer.number % len(cases)])


class BlockOfAStranger(_Forged):
    NAME = "block-of-a-stranger"
    SUMMARY = "makes a block of its own above the node's head, signed with a key that is no delegate's"
    WITHIN_S = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        await peer.say(self._forge(peer))

    async def react(self, peer: BadPeer, message: Message) -> None:
        if isinstance(message, Status):  # the head has moved: the first block came too late
            await peer.say(self._forge(peer))

    @staticmethod
    def _forge(peer: BadPeer) -> BlockMessage:
        return BlockMessage(forgery.block(peer.identity.signer, peer.chain_id, peer.theirs.head))


class _Claiming(JoinedAttack):
    """Claims final blocks that the node lacks, always as many as it could believe."""

    FAULT = "F20"
    ANSWERS = _HELD
    SECONDS = 8.0

    async def strike(self, peer: BadPeer) -> None:
        await self._claim(peer)
        await trio.sleep_forever()

    async def react(self, peer: BadPeer, message: Message) -> None:
        match message:
            case Status():
                await self._claim(peer)
            case GetBlocks():
                await self.answer(peer, message)
            case GetBranch():
                await self.answer(peer, message)
            case GetProofs():
                await self.prove(peer, message)
            case _:
                pass

    async def answer(self, peer: BadPeer, question: GetBlocks | GetBranch) -> None:
        """Nothing: a question stays open."""

    async def prove(self, peer: BadPeer, question: GetProofs) -> None:
        """Nothing as well."""

    @staticmethod
    async def _claim(peer: BadPeer) -> None:
        tip = forgery.above(peer.theirs.final, by=CLAIMED, block_id=secrets.token_bytes(32))
        await peer.say(Status(Tips(tip, tip)))


class StalledSync(_Claiming):
    NAME = "stalled-sync"
    SUMMARY = "claims final blocks that the node lacks and answers no question for them"


class EmptyAnswers(_Claiming):
    NAME = "empty-answers"
    SUMMARY = "claims final blocks that the node lacks and answers that it has none"

    async def answer(self, peer: BadPeer, question: GetBlocks | GetBranch) -> None:
        await peer.say(Blocks(question.request, []))

    async def prove(self, peer: BadPeer, question: GetProofs) -> None:
        await peer.say(Proofs(question.request, []))


class GarbageAnswers(_Claiming):
    NAME = "garbage-answers"
    SUMMARY = "claims final blocks that the node lacks and answers with random bytes"
    ANSWERS = frozenset({Reason.INVALID_DATA})

    async def answer(self, peer: BadPeer, question: GetBlocks | GetBranch) -> None:
        await peer.say(Blocks(question.request, [secrets.token_bytes(300), b""]))


class FalseAnswers(_Claiming):
    NAME = "false-answers"
    SUMMARY = "claims final blocks that the node lacks and answers with blocks of its own making"
    ANSWERS = frozenset({Reason.INVALID_DATA})

    async def answer(self, peer: BadPeer, question: GetBlocks | GetBranch) -> None:
        parent = peer.theirs.final
        proof = forgery.certificate(peer.chain_id, Kind.CONFIRM, forgery.above(parent, by=1, block_id=secrets.token_bytes(32)), signers=4)
        await peer.say(Blocks(question.request, [forgery.block(peer.identity.signer, peer.chain_id, parent), proof.raw]))


class BrokenProofs(_Claiming):
    NAME = "broken-proofs"
    SUMMARY = "claims final blocks that the node lacks and proves them by headers that do not stand on each other"
    ANSWERS = frozenset({Reason.INVALID_DATA})

    async def answer(self, peer: BadPeer, question: GetBlocks | GetBranch) -> None:
        await peer.say(Blocks(question.request, [secrets.token_bytes(300), b""]))

    async def prove(self, peer: BadPeer, question: GetProofs) -> None:
        heads = [forgery.block_head(peer.identity.signer, peer.chain_id, peer.theirs.final)[0] for _ in range(2)]
        await peer.say(Proofs(question.request, [part for head in heads for part in (head, b"")]))


class WaveringTips(JoinedAttack):
    NAME = "wavering-tips"
    SUMMARY = "claims many final blocks, then none, then many again, without end"
    FAULT = "F20"
    ANSWERS = _HELD

    async def strike(self, peer: BadPeer) -> None:
        while True:
            tip = forgery.above(peer.theirs.final, by=CLAIMED, block_id=secrets.token_bytes(32))
            await peer.say(Status(Tips(tip, tip)), Status(NOTHING))
            await trio.sleep(WAVER_S)


class ImpossibleTips(JoinedAttack):
    NAME = "impossible-tips"
    SUMMARY = "claims the greatest height and slot that can be written, from its hello on"
    FAULT = "F20"
    ANSWERS = _HELD

    async def join(self, peer: BadPeer) -> None:
        tip = Subject(Slot(NUMBER_MAX), Height(NUMBER_MAX), BlockId(Hash(secrets.token_bytes(32))))
        await peer.join(peer.hello._replace(tips=Tips(tip, tip)))


class Echo(JoinedAttack):
    NAME = "echo"
    SUMMARY = f"says everything that it hears back to whom it heard it from, {ECHOES} times"
    FAULT = "F20"
    ANSWERS = _HELD
    SECONDS = 5.0

    async def react(self, peer: BadPeer, message: Message) -> None:
        if isinstance(message, Status | BlockMessage | BallotMessage | CertificateMessage | Transactions):
            await peer.say(*(ECHOES * [message]))


ATTACKS = (
    BadSignature,
    ForgedVoice,
    NoSuchThing,
    BlockOfAStranger,
    StalledSync,
    EmptyAnswers,
    GarbageAnswers,
    FalseAnswers,
    BrokenProofs,
    WaveringTips,
    ImpossibleTips,
    Echo,
)
