"""What goes wrong on one connection.  Every one of these ends that connection, and nothing else."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import assert_never

from p2pchain.chain.consequences import Consequence


@unique
class Reason(IntEnum):
    """Why a node says goodbye.  On the wire as a number; the text beside it is for people."""

    SHUTTING_DOWN = 1
    PROTOCOL_VIOLATION = 2
    WRONG_CHAIN = 3
    WRONG_PROTOCOL = 4
    SELF = 5
    ALREADY_CONNECTED = 6
    TOO_MANY_PEERS = 7
    TOO_SLOW = 8
    TIMEOUT = 9
    INVALID_DATA = 10
    NOT_AUTHENTIC = 11
    WRONG_NODE = 12
    NOT_ALLOWED = 13
    SEED_ONLY = 14
    BANNED = 15


def consequence_of_reason(reason: Reason) -> Consequence:
    """What it means for the other end when this node ends a link for this reason; of invalid data its code may say more."""
    match reason:
        case Reason.PROTOCOL_VIOLATION | Reason.INVALID_DATA:
            return Consequence.VIOLATION
        case (
            Reason.SHUTTING_DOWN
            | Reason.WRONG_CHAIN
            | Reason.WRONG_PROTOCOL
            | Reason.ALREADY_CONNECTED
            | Reason.TOO_MANY_PEERS
            | Reason.TOO_SLOW
            | Reason.TIMEOUT
            | Reason.NOT_AUTHENTIC  # perhaps somebody between us
            | Reason.WRONG_NODE
            | Reason.NOT_ALLOWED
            | Reason.SEED_ONLY
            | Reason.BANNED
        ):
            return Consequence.NOBODY
        case Reason.SELF:
            return Consequence.OURS
        case _:
            assert_never(reason)


class ConnectionRefused(Exception):  # noqa: N818  (a refusal is the field's word)
    """This connection must end: `reason` goes to the peer, the message to the log, `consequence` to the list of bans."""

    def __init__(self, reason: Reason, message: str, consequence: Consequence | None = None) -> None:
        """`consequence` is the reason's own unless the refused thing says more."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.consequence = consequence_of_reason(reason) if consequence is None else consequence


class RemoteViolation(ConnectionRefused):
    """The peer broke the protocol: it is at fault."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.PROTOCOL_VIOLATION, message)


class NotAuthentic(ConnectionRefused):
    """Encryption or proof of identity failed: the peer's fault or somebody's between us, nobody can tell."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.NOT_AUTHENTIC, message)


class LocalMisuse(Exception):  # noqa: N818
    """Our own code used the connection wrongly: a bug."""
