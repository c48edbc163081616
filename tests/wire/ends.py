"""Two nodes with keys of their own, and both sides of a handshake with every byte fixed."""

from __future__ import annotations

from typing import NamedTuple

from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ChainId
from p2pchain.wire.channel import SecureChannel
from p2pchain.wire.handshake import Credentials, Handshake, make_credentials

CHAIN, FOREIGN = ChainId(b"\x07" * 32), ChainId(b"\x08" * 32)
DIALLER, ACCEPTOR, THIRD = (KeySigner(SigningKey(bytes([number]) * 32)) for number in (1, 2, 3))
NOW_MS = 1_000


def credentials(signer: KeySigner, *, chain_id: ChainId = CHAIN, static: int = 0) -> Credentials:
    return make_credentials(signer, chain_id, bytes([static or signer.public_key[0] | 1]) * 32)


OURS, THEIRS = credentials(DIALLER), credentials(ACCEPTOR)


def dialler(ours: Credentials = OURS, *, wanted: bytes | None = None, ephemeral: int = 21) -> Handshake:
    return Handshake(ours, bytes([ephemeral]) * 32, dials=True, wanted=wanted)


def acceptor(theirs: Credentials = THEIRS, *, ephemeral: int = 22) -> Handshake:
    return Handshake(theirs, bytes([ephemeral]) * 32, dials=False)


class Flights(NamedTuple):
    """What goes over the wire, in turn."""

    first: bytes
    second: bytes
    third: bytes


def flights(dials: Handshake, accepts: Handshake) -> Flights:
    first = dials.take()
    accepts.receive(first)
    second = accepts.take()
    dials.receive(second)
    third = dials.take()
    accepts.receive(third)
    return Flights(first, second, third)


def channels() -> tuple[SecureChannel, SecureChannel]:
    """Both ends of a link after its handshake."""
    dials, accepts = dialler(), acceptor()
    flights(dials, accepts)
    assert dials.channel is not None
    assert accepts.channel is not None
    return dials.channel, accepts.channel
