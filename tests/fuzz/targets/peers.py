"""Where nodes say they are: signed records, and the book that keeps them."""

from __future__ import annotations

import hashlib
from functools import cache
from random import Random

from p2pchain.chain.codec import decode_array, encode, require_bytes
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import ChainId
from p2pchain.net.book.book import ANCHORS_MAX, AddressBook
from p2pchain.net.book.encoding import MAGIC, decode_book, encode_book
from p2pchain.net.endpoint import Endpoint, parse_peer
from p2pchain.net.groups import group_of_host
from p2pchain.wire.peer_record import ENDPOINTS_MAX, LIFE_MS, decode_record, is_genuine
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import is_canonical, read
from tests.fuzz.mutation.formats import PLAIN_SHARE, mutate_msgpack
from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.target import Target
from tests.vectors.peers import ISSUED_MS, peer_record
from tests.vectors.world import CHAIN_ID

CHAIN = ChainId(CHAIN_ID)
HOSTS = (["192.0.2.1"], ["2001:db8::1", "127.0.0.1", "10.1.2.3", "198.51.100.7"], ["198.51.100.9"])
SUM_BYTES = 32


@cache
def _records() -> tuple[bytes, ...]:
    return tuple(peer_record(f"node-{i}", hosts).raw for i, hosts in enumerate(HOSTS))


def _check_record(data: bytes) -> str:
    """Bounded, each endpoint a place to dial, and genuine only as its node has signed it."""
    record = read(decode_record, data, Invalid)
    if isinstance(record, str):
        return record
    assert 1 <= len(set(record.endpoints)) == len(record.endpoints) <= ENDPOINTS_MAX
    assert 0 < record.expires_ms - record.issued_ms <= LIFE_MS, "no record is good for longer than allowed"
    for host, port in record.endpoints:
        assert parse_peer(str(Endpoint(host, port))).endpoint == (host, port)
        group_of_host(host)
    body, signature = (require_bytes(part, what="part") for part in decode_array(data, what="record", fields=2))
    is_canonical(encode((body, signature)), data)
    assert not is_genuine(record, CHAIN) or body in {_body(raw) for raw in _records()}, "nobody else's body is genuine"
    return f"accepted {len(record.endpoints)}"


def _body(raw: bytes) -> bytes:
    return require_bytes(decode_array(raw, what="record", fields=2)[0], what="body")


def _check_book(data: bytes) -> str:
    """What is read is within its bounds, and is written and read as the same."""
    book = read(lambda raw: decode_book(raw, CHAIN), data, Invalid)
    if isinstance(book, str):
        return book
    assert len(book.anchors) <= ANCHORS_MAX
    written = encode_book(book, CHAIN)
    assert encode_book(decode_book(written, CHAIN), CHAIN) == written
    return f"accepted {min(len(book), 4)}"


def _books() -> list[bytes]:
    book = AddressBook(bytes(32))
    for raw in _records():
        record = decode_record(raw)
        book.add(record, record.endpoints[0].host, ISSUED_MS)
    first = decode_record(_records()[0])
    book.met(first.node_key, first.endpoints[0], ISSUED_MS)
    book.keep_anchors([first.node_key])
    empty = encode_book(AddressBook(bytes(32)), CHAIN)
    return [encode_book(book, CHAIN), empty, MAGIC, empty[:-1], encode_book(book, ChainId(b"\x01" * 32))]


def _mutate(data: bytes, random: Random, size_max: int) -> bytes:
    """Mostly behind a right sum, for otherwise nothing gets past it."""
    if random.random() < PLAIN_SHARE:
        return mutate_bytes(data, random, size_max)
    start = len(MAGIC) + SUM_BYTES
    content = mutate_msgpack(data[start:], random, size_max - start)
    return MAGIC + hashlib.sha256(content).digest() + content


TARGETS = (
    Target(
        "peer-record",
        "places to dial in a node's own words, for a bounded time, or Invalid",
        _check_record,
        lambda: (*_records(), *BOMBS),
        mutate_msgpack,
        512,
    ),
    Target("address-book", "a book that is written and read as the same, or Invalid", _check_book, _books, _mutate, 4_096),
)
