"""How a link begins: who is there, on which chain, and from then on nothing in clear.

    dials                                     accepts
    preamble, e                        ->     same protocol? same chain?
                                       <-     preamble, e ee s es, proof
    who is it? is it whom I dialled?
    s se, proof                        ->     who is it?

The preamble is in clear and the same in all versions, so that nodes of different versions or networks part with a
reason.  Nobody is believed for it: both sides speak one protocol and mix their own version and whole chain id into the
handshake, so who alters a preamble can only make the link fail.  The proof is a node key with its signature over the
Noise static key and the chain id.  Whoever does not even begin with our magic gets no answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from p2pchain.chain.crypto import Domain, SignatureCheck, Signer, is_valid_signature, signed_message
from p2pchain.chain.types import KEY_BYTES, SIGNATURE_BYTES, ChainId
from p2pchain.wire.channel import SecureChannel
from p2pchain.wire.errors import ConnectionRefused, LocalMisuse, NotAuthentic, Reason, RemoteViolation
from p2pchain.wire.messages import PROTOCOL_VERSION
from p2pchain.wire.noise import DH_BYTES, TAG_BYTES, HandshakeState, KeyPair

MAGIC = b"p2pchain"
_VERSION = PROTOCOL_VERSION.to_bytes(2, "big")
CHAIN_TAG_BYTES = 8
PREAMBLE_BYTES = len(MAGIC) + 2 + CHAIN_TAG_BYTES
PROOF_BYTES = KEY_BYTES + SIGNATURE_BYTES
_STATIC = DH_BYTES + TAG_BYTES
FIRST_BYTES, SECOND_BYTES, THIRD_BYTES = DH_BYTES, DH_BYTES + _STATIC + PROOF_BYTES + TAG_BYTES, _STATIC + PROOF_BYTES + TAG_BYTES


class Credentials(NamedTuple):
    """What a node proves itself with, made once a process: a static key of its own, signed by the node key."""

    chain_id: ChainId
    node_key: bytes
    static: KeyPair
    signature: bytes

    @property
    def preamble(self) -> bytes:
        return MAGIC + _VERSION + self.chain_id[:CHAIN_TAG_BYTES]

    @property
    def prologue(self) -> bytes:
        return MAGIC + _VERSION + self.chain_id

    @property
    def proof(self) -> bytes:
        return self.node_key + self.signature


def make_credentials(signer: Signer, chain_id: ChainId, static_secret: bytes) -> Credentials:
    """`signer` holds the node key; `static_secret` is 32 fresh random bytes, kept in memory alone."""
    static = KeyPair.of(static_secret)
    return Credentials(chain_id, signer.public_key, static, signer.sign(Domain.NODE_LINK, chain_id, static.public))


class Handshake:
    """One side: bytes in by `receive`, bytes out by `take`, until there is a `channel`.

    `ConnectionRefused` ends it; what `take` gives then may still be sent, so that the other side learns why.
    """

    __slots__ = ("_credentials", "_is_over", "_noise", "_outgoing", "_received", "_steps", "_wanted", "channel", "node_key")

    def __init__(self, credentials: Credentials, ephemeral_secret: bytes, *, dials: bool, wanted: bytes | None = None) -> None:
        """`ephemeral_secret` is 32 fresh random bytes; `wanted` is the node key that must be there, if any."""
        self._credentials = credentials
        self._wanted = wanted
        self._noise = HandshakeState(
            initiator=dials, prologue=credentials.prologue, static=credentials.static, ephemeral=KeyPair.of(ephemeral_secret)
        )
        self._outgoing = credentials.preamble + self._noise.write(b"") if dials else b""
        self._received = bytearray()
        """At most one message short of a byte, and whatever came with the last read."""
        self._steps = deque[tuple[int, Callable[[bytes], None]]](
            ((PREAMBLE_BYTES, self._read_preamble), (SECOND_BYTES, self._read_second))
            if dials
            else ((PREAMBLE_BYTES, self._answer_preamble), (FIRST_BYTES, self._read_first), (THIRD_BYTES, self._read_third))
        )
        self._is_over = False
        self.node_key: bytes | None = None
        """The other side's, once it has proven it."""
        self.channel: SecureChannel | None = None
        """There as soon as this side knows enough."""

    def take(self) -> bytes:
        """What is to be sent now, perhaps nothing."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def receive(self, data: bytes) -> None:
        """`ConnectionRefused` where it failed, `LocalMisuse` where it is over, one way or the other."""
        if self._is_over:
            raise LocalMisuse("bytes for a handshake that is over")
        self._is_over = True  # a failed one never goes on
        self._received += data
        while self._steps and len(self._received) >= self._steps[0][0]:
            size, read = self._steps.popleft()
            message = bytes(self._received[:size])
            del self._received[:size]
            read(message)
        if not self._steps:
            self.channel = SecureChannel(*self._noise.split(), bytes(self._received))
        self._is_over = self.channel is not None

    # steps

    def _answer_preamble(self, theirs: bytes) -> None:
        _require_magic(theirs)
        self._outgoing += self._credentials.preamble
        self._read_preamble(theirs)

    def _read_preamble(self, theirs: bytes) -> None:
        _require_magic(theirs)
        ours = self._credentials.preamble
        version, tag = int.from_bytes(theirs[8:10], "big"), theirs[10:]
        if version != PROTOCOL_VERSION:
            text = f"peer speaks protocol {version}, this node {PROTOCOL_VERSION}: upgrade the older one"
            raise ConnectionRefused(Reason.WRONG_PROTOCOL, text)
        if tag != ours[10:]:
            text = f"peer is on chain {tag.hex()}..., this node on {ours[10:].hex()}...: the genesis differs"
            raise ConnectionRefused(Reason.WRONG_CHAIN, text)

    def _read_first(self, message: bytes) -> None:
        self._noise.read(message)
        self._outgoing += self._noise.write(self._credentials.proof)

    def _read_second(self, message: bytes) -> None:
        # whom we met is known before anything tells who we are
        self._identify(self._noise.read(message))
        self._outgoing += self._noise.write(self._credentials.proof)

    def _read_third(self, message: bytes) -> None:
        self._identify(self._noise.read(message))

    def _identify(self, proof: bytes) -> None:
        key, signature = proof[:KEY_BYTES], proof[KEY_BYTES:]
        signed = signed_message(Domain.NODE_LINK, self._credentials.chain_id, self._noise.remote_static)
        if not is_valid_signature(SignatureCheck(key, signed, signature)):
            raise NotAuthentic(f"node key {key.hex()} has not signed the peer's link key for this chain")
        self.node_key = key
        if key == self._credentials.node_key:
            raise self._self_met()
        if self._wanted is not None and key != self._wanted:
            raise ConnectionRefused(Reason.WRONG_NODE, f"found node {key.hex()}, wanted {self._wanted.hex()}")

    def _self_met(self) -> ConnectionRefused:
        if self._noise.remote_static == self._credentials.static.public:
            return ConnectionRefused(Reason.SELF, "connected to itself")
        key = self._credentials.node_key.hex()
        return ConnectionRefused(Reason.WRONG_NODE, f"another process uses this node's key {key}: every node needs one of its own")


def _require_magic(preamble: bytes) -> None:
    if not preamble.startswith(MAGIC):
        raise RemoteViolation(f"first bytes are {preamble[:8].hex()}, a node of protocol 2 or later says {MAGIC.hex()}")
