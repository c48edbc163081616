"""Where a node can be reached, in its own words: `[body, signature]`, the body `[node_key, endpoints, issued_ms, expires_ms]`.

The node key signs the body's bytes for one chain, so whoever passes a record on can neither change nor invent one; what
a record claims about an address is proven by going there alone.  Small and of bounded age: an address that its node
does not confirm any more is forgotten by everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from p2pchain.chain.codec import Value, decode_array, encode, require_array, require_bytes, require_int
from p2pchain.chain.crypto import Domain, SignatureCheck, Signer, is_valid_signature, signed_message
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.types import KEY_BYTES, SIGNATURE_BYTES, ChainId

RECORD_BYTES_MAX = 256
ENDPOINTS_MAX = 4
"""An IPv4 and an IPv6 address on two networks: a record of four IPv6 endpoints has 217 bytes."""
LIFE_MS = 7 * 24 * 3_600_000
"""The longest that a record may be good for.  Its node signs a new one when half of it is over."""
AHEAD_MS = 3_600_000
"""How far ahead of our clock another node's may be before we leave its records to a later day."""


class RecordEndpoint(NamedTuple):
    host: str
    """An address, never a name: `ipaddress` has written it."""
    port: int


class PeerRecord(NamedTuple):
    raw: bytes
    """The whole record as it travels."""
    node_key: bytes
    endpoints: tuple[RecordEndpoint, ...]
    """The best first."""
    issued_ms: int
    expires_ms: int

    def is_current(self, now_ms: int) -> bool:
        """Whether it may be told and learned now; one that is not is nobody's fault: clocks differ."""
        return self.issued_ms <= now_ms + AHEAD_MS and now_ms < self.expires_ms


def sign_record(signer: Signer, chain_id: ChainId, endpoints: Sequence[tuple[str, int]], now_ms: int) -> PeerRecord:
    """`signer` holds the node key; between one and `ENDPOINTS_MAX` endpoints."""
    assert 1 <= len(endpoints) <= ENDPOINTS_MAX, f"a record has 1 to {ENDPOINTS_MAX} endpoints"
    listed = tuple((ip_address(host).packed, port) for host, port in endpoints)
    body = encode((bytes(signer.public_key), listed, now_ms, now_ms + LIFE_MS))
    return decode_record(encode((body, signer.sign(Domain.PEER_RECORD, chain_id, body))))


def decode_record(raw: bytes) -> PeerRecord:
    """A record of the right shape; `Invalid` for anything else.  The signature is `is_genuine`'s."""
    body, signature = decode_array(raw, what="peer record", fields=2, bytes_max=RECORD_BYTES_MAX)
    require_bytes(signature, what="peer record signature", size=SIGNATURE_BYTES)
    fields = decode_array(require_bytes(body, what="peer record body"), what="peer record body", fields=4, bytes_max=RECORD_BYTES_MAX)
    node_key = require_bytes(fields[0], what="peer record node key", size=KEY_BYTES)
    issued_ms = require_int(fields[2], what="peer record issued_ms")
    expires_ms = require_int(fields[3], what="peer record expires_ms", low=issued_ms + 1, high=issued_ms + LIFE_MS)
    return PeerRecord(raw, node_key, _decode_endpoints(fields[1]), issued_ms, expires_ms)


def is_genuine(record: PeerRecord, chain_id: ChainId) -> bool:
    """Whether its node key signed it for this chain."""
    body, signature = decode_array(record.raw, what="peer record", fields=2, bytes_max=RECORD_BYTES_MAX)
    message = signed_message(Domain.PEER_RECORD, chain_id, require_bytes(body, what="peer record body"))
    return is_valid_signature(SignatureCheck(record.node_key, message, require_bytes(signature, what="peer record signature")))


def _decode_endpoints(value: Value) -> tuple[RecordEndpoint, ...]:
    listed = require_array(value, what="peer record endpoints")
    if not 1 <= len(listed) <= ENDPOINTS_MAX:
        raise Invalid(Code.MALFORMED, f"peer record has {len(listed)} endpoints, 1 to {ENDPOINTS_MAX} wanted", found=len(listed))
    endpoints = tuple(_decode_endpoint(each) for each in listed)
    if len(set(endpoints)) < len(endpoints):
        raise Invalid(Code.MALFORMED, "peer record lists an endpoint twice, each once wanted")
    return endpoints


def _decode_endpoint(value: Value) -> RecordEndpoint:
    packed, port = require_array(value, what="peer record endpoint", fields=2)
    return RecordEndpoint(unpack_host(packed, what="peer record host"), require_int(port, what="peer record port", low=1, high=65_535))


def unpack_host(value: Value, *, what: str) -> str:
    """The text of an address of 4 or 16 bytes at which a node can be; `Invalid` for others."""
    packed = require_bytes(value, what=what, size_max=16)
    if len(packed) not in {4, 16}:
        raise Invalid(Code.MALFORMED, f"{what} has {len(packed)} bytes, 4 or 16 wanted", found=len(packed))
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise Invalid(Code.NON_CANONICAL, f"{what} is {address}, IPv4 addresses have 4 bytes")
    if address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"):
        raise Invalid(Code.MALFORMED, f"{what} is {address}, where no node can be")
    return str(address)
