"""Golden vectors of peer records: good ones, and what must be refused."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, signed_message
from p2pchain.chain.types import ChainId
from p2pchain.wire.peer_record import LIFE_MS, PeerRecord, decode_record, sign_record
from tests.vectors.showing import Json
from tests.vectors.world import CHAIN_ID, key

ISSUED_MS = 1_800_000_000_000
PORT = 28_656


def peer_record(name: str, hosts: Sequence[str], chain_id: ChainId = CHAIN_ID) -> PeerRecord:
    return sign_record(key(name), chain_id, [(host, PORT) for host in hosts], ISSUED_MS)


def peer_records_file() -> Json:
    good = [peer_record("node-1", ["192.0.2.1"]), peer_record("node-2", ["2001:db8::1", "127.0.0.1", "10.1.2.3", "198.51.100.7"])]
    return {
        "chain_id": CHAIN_ID.hex(),
        "records": [_show(record) for record in good],
        "undecodable": [{"name": name, "record": raw.hex(), "code": code} for name, raw, code in _undecodable()],
        "not_genuine": [
            {"name": "signed for another chain", "record": peer_record("node-1", ["192.0.2.1"], ChainId(b"\x01" * 32)).raw.hex()},
            {"name": "signed by another node", "record": _sealed(_body(), "node-2").hex()},
        ],
    }


def _undecodable() -> list[tuple[str, bytes, str]]:
    v4 = b"\xc0\x00\x02\x01"
    return [
        ("no endpoint", _sealed(_body([])), "malformed"),
        ("five endpoints", _sealed(_body([(v4, port) for port in range(1, 6)])), "malformed"),
        ("an endpoint twice", _sealed(_body([(v4, PORT), (v4, PORT)])), "malformed"),
        ("port 0", _sealed(_body([(v4, 0)])), "malformed"),
        ("an address of 5 bytes", _sealed(_body([(b"\x01" * 5, PORT)])), "malformed"),
        ("IPv4 as IPv6", _sealed(_body([(bytes(10) + b"\xff\xff" + v4, PORT)])), "non_canonical"),
        ("an address that stands for all", _sealed(_body([(bytes(4), PORT)])), "malformed"),
        ("a group of nodes", _sealed(_body([(b"\xe0\x00\x00\x01", PORT)])), "malformed"),
        ("good for too long", _sealed(_body(expires_ms=ISSUED_MS + LIFE_MS + 1)), "malformed"),
        ("good for no time", _sealed(_body(expires_ms=ISSUED_MS)), "malformed"),
        ("257 bytes", bytes(257), "oversized"),
    ]


def _body(endpoints: Sequence[tuple[bytes, int]] = ((b"\xc0\x00\x02\x01", PORT),), expires_ms: int = ISSUED_MS + LIFE_MS) -> bytes:
    return encode((bytes(key("node-1").public_key), endpoints, ISSUED_MS, expires_ms))


def _sealed(body: bytes, signer: str = "node-1") -> bytes:
    return encode((body, key(signer).sign(Domain.PEER_RECORD, CHAIN_ID, body)))


def _show(record: PeerRecord) -> Json:
    assert decode_record(record.raw) == record
    body = encode(
        (record.node_key, [(ip_address(host).packed, port) for host, port in record.endpoints], record.issued_ms, record.expires_ms)
    )
    return {
        "node_key": record.node_key.hex(),
        "endpoints": [{"host": host, "port": port} for host, port in record.endpoints],
        "issued_ms": record.issued_ms,
        "expires_ms": record.expires_ms,
        "body": body.hex(),
        "signed_message": signed_message(Domain.PEER_RECORD, CHAIN_ID, body).hex(),
        "record": record.raw.hex(),
    }
