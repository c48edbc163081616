"""Attacks by doing little: reading nothing, writing drop by drop, being silent."""

from __future__ import annotations

import trio

from p2pchain.badpeers.answers import Answer, Silent
from p2pchain.badpeers.attack import JoinedAttack
from p2pchain.badpeers.peer import BadPeer
from p2pchain.chain.types import Height
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import HEADER_BYTES, encode_frame
from p2pchain.wire.messages import BLOCK_BYTES_MAX, BLOCKS_MAX, BlockMessage, GetBlocks, Ping

SILENCE_S = 25.0
"""A node gives up who is silent for so long (`net.settings`)."""
_HELD: frozenset[Answer] = frozenset({Silent.HELD})
_QUESTIONS = 64
"""In one write."""


class _NeverReads(JoinedAttack):
    FAULT = "F19"
    READS = False
    ANSWERS = frozenset({Reason.TOO_SLOW, Silent.CLOSED})
    """The goodbye stands behind what was not read, or in the middle of a write: it may be lost."""
    SECONDS = 60.0
    LEAST_S = 30.0

    async def strike(self, peer: BadPeer) -> None:
        batch = b"".join(encode_frame(self.question(number)) for number in range(_QUESTIONS))
        while True:
            await peer.send_frames(batch)

    def question(self, number: int) -> Ping | GetBlocks:
        raise NotImplementedError


class SlowReader(_NeverReads):
    NAME = "slow-reader"
    SUMMARY = "asks for blocks without end and reads none of them"

    def question(self, number: int) -> Ping | GetBlocks:
        return GetBlocks(number, Height(1), BLOCKS_MAX)


class DeafPinger(_NeverReads):
    NAME = "deaf-pinger"
    SUMMARY = "pings without end and reads no answer"

    def question(self, number: int) -> Ping | GetBlocks:
        return Ping(number)


class SlowWriter(JoinedAttack):
    NAME = "slow-writer"
    SUMMARY = "begins the largest block and sends it byte by byte"
    FAULT = "F19"
    ANSWERS = _HELD

    async def strike(self, peer: BadPeer) -> None:
        peer.is_mute = True  # an answer would come between the bytes
        frame = encode_frame(BlockMessage(bytes(BLOCK_BYTES_MAX)))
        await peer.drip(peer.seal(frame[: HEADER_BYTES + 4_096]), 0.1)
        await trio.sleep_forever()


class HalfAFrame(JoinedAttack):
    NAME = "half-a-frame"
    SUMMARY = "sends all but the last byte of the largest block at once, and no more"
    FAULT = "F19"
    ANSWERS = frozenset({Silent.HELD, Reason.TIMEOUT})

    async def strike(self, peer: BadPeer) -> None:
        peer.is_mute = True
        await peer.send_frames(encode_frame(BlockMessage(bytes(BLOCK_BYTES_MAX)))[:-1])
        await trio.sleep_forever()


class SilentPeer(JoinedAttack):
    NAME = "silent-peer"
    SUMMARY = "says hello and nothing more, and answers no ping"
    FAULT = "F19"
    ANSWERS = frozenset({Reason.TIMEOUT})
    WITHIN_S = SILENCE_S + 3.0
    SECONDS = SILENCE_S + 4.0
    LEAST_S = SILENCE_S

    async def strike(self, peer: BadPeer) -> None:
        peer.is_mute = True
        await trio.sleep_forever()


ATTACKS = (SlowReader, DeafPinger, SlowWriter, HalfAFrame, SilentPeer)
