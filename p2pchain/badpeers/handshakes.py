"""Attacks on the handshake.  Nothing but the handshake is said in clear, so a node that does not like one closes without a word."""

from __future__ import annotations

import secrets
from typing import ClassVar

import trio

from p2pchain.badpeers.answers import Answer, Silent
from p2pchain.badpeers.attack import Attack, JoinedAttack, speak_and_listen
from p2pchain.badpeers.peer import BadPeer
from p2pchain.chain.types import ChainId
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.handshake import FIRST_BYTES, MAGIC, PREAMBLE_BYTES, THIRD_BYTES, Handshake
from p2pchain.wire.messages import PROTOCOL_VERSION, Ping
from p2pchain.wire.noise import DH_BYTES

HANDSHAKE_S = 5.0
"""A node gives handshake and hello together so long (`docs/network.md`)."""
LATE_S = 5.0
"""For a machine under load: what is refused at once is refused within this."""
PATIENCE_S = 10.0
"""How long an answer is waited for that comes at once."""
DRIP_S = 0.15
_CLOSED: frozenset[Answer] = frozenset({Silent.CLOSED})


class _Handshaking(Attack):
    FAULT = "F19"
    ANSWERS = _CLOSED
    WITHIN_S = SECONDS = HANDSHAKE_S + LATE_S
    LEAST_S = HANDSHAKE_S


class HalfOpen(_Handshaking):
    NAME = "half-open"
    SUMMARY = "connects and says nothing; opens again whatever is closed"
    SECONDS = 7.0
    CONNECTIONS = 100
    REPEATS = True

    async def perform(self, peer: BadPeer) -> None:
        await peer.receive()
        peer.conclude(Silent.BROKE_RULES, "the node spoke to who had said nothing")


class SlowHandshake(_Handshaking):
    NAME = "slow-handshake"
    SUMMARY = f"sends a true handshake, a byte every {DRIP_S} s"

    async def perform(self, peer: BadPeer) -> None:
        await speak_and_listen(peer, self._drip, BadPeer.hear_end)

    @staticmethod
    async def _drip(peer: BadPeer) -> None:
        await peer.drip(peer.take(), DRIP_S)


class HandshakeCut(Attack):
    NAME = "handshake-cut"
    SUMMARY = "hangs up in the middle of the handshake, each link after another byte"
    FAULT = "F19"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S
    CONNECTIONS = 8

    async def perform(self, peer: BadPeer) -> None:
        first = peer.take()
        cut = peer.number * 37 % (len(first) + THIRD_BYTES)
        await peer.send_raw(first[:cut])
        if cut > len(first):
            while not (third := peer.take()):
                peer.read_flight(await peer.receive())
            await peer.send_raw(third[: cut - len(first)])
        await peer.hang_up()


class HandshakeNoise(Attack):
    NAME = "handshake-noise"
    SUMMARY = "sends random bytes where the handshake is wanted: with the magic, without, with the whole preamble"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def perform(self, peer: BadPeer) -> None:
        known = (b"", MAGIC, peer.take()[:PREAMBLE_BYTES])[peer.number % 3]
        await peer.send_raw(known + secrets.token_bytes(FIRST_BYTES + THIRD_BYTES + 100))


class HandshakeFlip(Attack):
    NAME = "handshake-flip"
    SUMMARY = "flips one bit of its last flight, each link another"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S
    CONNECTIONS = 8

    async def perform(self, peer: BadPeer) -> None:
        third = bytearray(await _third_flight(peer))
        third[peer.number * 17 % len(third)] ^= 1 << peer.number % 8
        await peer.send_raw(bytes(third))


class HandshakeReplay(Attack):
    NAME = "handshake-replay"
    SUMMARY = "says what it said in an earlier handshake that was accepted, word by word"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    def __init__(self) -> None:
        self._first, self._third = b"", b""
        self._recorded = trio.Event()

    async def perform(self, peer: BadPeer) -> None:
        if peer.number == 0:
            self._first = peer.take()
            await peer.send_raw(self._first)
            while not (third := peer.take()):
                peer.read_flight(await peer.receive())
            self._third = third
            await peer.send_raw(third)
            self._recorded.set()
            await peer.hang_up()
            return
        await self._recorded.wait()
        await peer.send_raw(self._first + self._third)


class ForeignProof(Attack):
    NAME = "foreign-proof"
    SUMMARY = "proves itself with the signature of another link key of the same node key"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def perform(self, peer: BadPeer) -> None:
        ours = peer.identity.credentials
        stolen = ours._replace(static=ours.static.of(secrets.token_bytes(DH_BYTES)))
        handshake = Handshake(stolen, secrets.token_bytes(DH_BYTES), dials=True)
        await peer.send_raw(handshake.take())
        while handshake.channel is None:
            handshake.receive(await peer.receive())
        await peer.send_raw(handshake.take())


class WrongChain(Attack):
    NAME = "wrong-chain"
    SUMMARY = "is of another network: the node says which is its own and closes"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def perform(self, peer: BadPeer) -> None:
        other = peer.identity.credentials._replace(chain_id=ChainId(secrets.token_bytes(32)))
        handshake = Handshake(other, secrets.token_bytes(DH_BYTES), dials=True)
        await peer.send_raw(handshake.take())


class WrongProtocol(Attack):
    NAME = "wrong-protocol"
    SUMMARY = "speaks another version: the node says which is its own and closes"
    FAULT = "F17"
    ANSWERS = _CLOSED
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def perform(self, peer: BadPeer) -> None:
        first = peer.take()
        version = (PROTOCOL_VERSION + 1 + peer.number).to_bytes(2, "big")
        await peer.send_raw(first[: len(MAGIC)] + version + first[len(MAGIC) + 2 :])


class NoHello(Attack):
    NAME = "no-hello"
    SUMMARY = "shakes hands and never says hello"
    FAULT = "F19"
    ANSWERS: ClassVar[frozenset[Answer]] = frozenset({Reason.TIMEOUT})
    WITHIN_S = SECONDS = HANDSHAKE_S + LATE_S
    LEAST_S = HANDSHAKE_S

    async def perform(self, peer: BadPeer) -> None:
        await peer.shake_hands()
        await peer.send_frames(b"")


class TalksBeforeHello(Attack):
    NAME = "talks-before-hello"
    SUMMARY = "shakes hands and begins with a ping"
    FAULT = "F17"
    ANSWERS: ClassVar[frozenset[Answer]] = frozenset({Reason.PROTOCOL_VIOLATION})
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def perform(self, peer: BadPeer) -> None:
        await peer.shake_hands()
        await peer.send_frames(encode_frame(Ping(1)))


class SecondHello(JoinedAttack):
    NAME = "second-hello"
    SUMMARY = "says hello again"
    FAULT = "F17"
    ANSWERS = frozenset({Reason.PROTOCOL_VIOLATION})
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        await peer.say(peer.hello)


async def _third_flight(peer: BadPeer) -> bytes:
    await peer.send_raw(peer.take())
    while not (third := peer.take()):
        peer.read_flight(await peer.receive())
    return third


ATTACKS = (
    HalfOpen,
    SlowHandshake,
    HandshakeCut,
    HandshakeNoise,
    HandshakeFlip,
    HandshakeReplay,
    ForeignProof,
    WrongChain,
    WrongProtocol,
    NoHello,
    TalksBeforeHello,
    SecondHello,
)
