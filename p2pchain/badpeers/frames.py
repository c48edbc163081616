"""Attacks with bytes that are no messages: a provable lie, which costs the link at once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from p2pchain.badpeers.attack import JoinedAttack
from p2pchain.badpeers.handshakes import LATE_S, PATIENCE_S
from p2pchain.badpeers.peer import BadPeer
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from p2pchain.wire.messages import BY_TYPE, MESSAGES, Ping, Status

_CASES = len(MESSAGES)


class _Refused(JoinedAttack):
    FAULT = "F17"
    ANSWERS = frozenset({Reason.PROTOCOL_VIOLATION})
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S


def header(number: int, size: int) -> bytes:
    """Of a frame of this type that says to hold so many bytes."""
    return (size + 1).to_bytes(4, "big") + bytes((number,))


class OversizeFrame(_Refused):
    NAME = "oversize-frame"
    SUMMARY = "says that a frame is a byte larger than its kind may be, each link another kind"
    CONNECTIONS = _CASES

    async def strike(self, peer: BadPeer) -> None:
        kind = MESSAGES[peer.number % _CASES]
        await peer.send_frames(header(kind.TYPE, kind.BYTES_MAX + 1))


class HugeFrame(_Refused):
    NAME = "huge-frame"
    SUMMARY = "says that a frame holds 4 GiB, or less than its type"

    async def strike(self, peer: BadPeer) -> None:
        await peer.send_frames((b"\xff\xff\xff\xff", bytes(4))[peer.number % 2] + bytes((Status.TYPE,)))


class UnknownKind(_Refused):
    NAME = "unknown-kind"
    SUMMARY = "sends a frame of a type that there is not"

    async def strike(self, peer: BadPeer) -> None:
        unknown = [number for number in range(256) if number not in BY_TYPE]
        await peer.send_frames(header(unknown[peer.number * 7 % len(unknown)], 1) + b"\x00")


class Garbage(_Refused):
    NAME = "garbage"
    SUMMARY = "sends random bytes in sealed records, where frames are wanted"

    async def strike(self, peer: BadPeer) -> None:
        # a length of more than any kind allows: random bytes could by chance be the beginning of a frame
        await peer.send_frames(b"\xff" + secrets.token_bytes(4_096))


class NotCanonical(_Refused):
    NAME = "not-canonical"
    SUMMARY = "encodes a message in another way than the one: longer integers, a map, a float, an extension"

    async def strike(self, peer: BadPeer) -> None:
        bodies = (b"\x91\xcc\x01", b"\x91\x81\x01\x01", b"\x91\xcb" + bytes(8), b"\x91\xd4\x01\x00")
        body = bodies[peer.number % len(bodies)]
        await peer.send_frames(header(Ping.TYPE, len(body)) + body)


def bombs() -> Sequence[tuple[int, bytes]]:
    """Small frames that are worth much memory to who trusts their lengths: (type, body)."""
    found: list[tuple[int, bytes]] = []
    for kind in MESSAGES:
        room = kind.BYTES_MAX
        found += [
            (kind.TYPE, b"\x91" * min(room, 60_000) + b"\x90" * (room > 60_000)),  # as deep as it goes
            (kind.TYPE, b"\xdd\xff\xff\xff\xff"),  # four thousand million elements
            (kind.TYPE, b"\x91\xc6\xff\xff\xff\xff"),  # as many bytes
            (kind.TYPE, b"\xdc\xff\xff" + b"\x90" * min(room - 3, 65_535)),  # empty arrays: 64 bytes for one
        ]
    return [(number, body) for number, body in found if len(body) <= BY_TYPE[number].BYTES_MAX]


class Bomb(_Refused):
    NAME = "bomb"
    SUMMARY = "sends a frame that unpacks to much more than itself, each link another kind and shape"
    FAULT = "F18"
    # of a block or a certificate the bytes are the message, and only what is in them is found to be wrong
    ANSWERS = frozenset({Reason.PROTOCOL_VIOLATION, Reason.INVALID_DATA})
    CONNECTIONS = len(bombs())
    # one after the other: together they are more than the inbound places of a node, and most would be turned away unread
    APART_S = 0.02
    SECONDS = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        found = bombs()
        number, body = found[peer.number % len(found)]
        await peer.send_frames(header(number, len(body)) + body)


class NotSealed(JoinedAttack):
    NAME = "not-sealed"
    SUMMARY = "goes on in clear after the handshake"
    FAULT = "F17"
    ANSWERS = frozenset({Reason.NOT_AUTHENTIC})
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        frame = encode_frame(Ping(1))
        await peer.send_raw(len(frame).to_bytes(2, "big") + frame + bytes(64))


class RecordReplay(JoinedAttack):
    NAME = "record-replay"
    SUMMARY = "sends a sealed record twice"
    FAULT = "F17"
    ANSWERS = frozenset({Reason.NOT_AUTHENTIC})
    WITHIN_S = LATE_S
    SECONDS = PATIENCE_S

    async def strike(self, peer: BadPeer) -> None:
        await peer.send_raw(2 * peer.seal(encode_frame(Ping(1))))


ATTACKS = (OversizeFrame, HugeFrame, UnknownKind, Garbage, NotCanonical, Bomb, NotSealed, RecordReplay)
