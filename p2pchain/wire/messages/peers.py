"""Who else is there: the question and its answer.

The answer is small, and the first record in it is the answerer's own, if it announces itself; a question for one record
is a question for that.  Each question has exactly one answer, so what comes unasked is a violation.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import ClassVar, NamedTuple

from p2pchain.chain.codec import decode_array, decode_byte_strings, encode, require_int, require_text
from p2pchain.chain.errors import Code, Invalid

PEERS_MAX = 32
"""Records in one answer, below 9 KiB: a few answers know a small network, and none of them floods a large one's book."""
_RECORD_BYTES_MAX = 256
_HOST_LETTERS_MAX = 45


class _GetPeers(NamedTuple):
    limit: int
    seen: str
    """The address at which the asker sees the answerer, so that a node learns its own; empty where there is none."""


class GetPeers(_GetPeers):
    """Asks for the answerer's record and others: `[limit, seen]`.  Answered by `Peers`, always."""

    __slots__ = ()
    TYPE: ClassVar[int] = 13
    BYTES_MAX: ClassVar[int] = 64

    @classmethod
    def decode(cls, body: bytes) -> GetPeers:
        limit, seen = decode_array(body, what="get_peers", fields=2, bytes_max=cls.BYTES_MAX)
        host = require_text(seen, what="get_peers seen", size_max=_HOST_LETTERS_MAX)
        if host and not _is_address(host):
            raise Invalid(Code.MALFORMED, f"get_peers seen is {host!r}, an address in its usual text or nothing wanted")
        return cls(require_int(limit, what="get_peers limit", low=1, high=PEERS_MAX), host)

    def encode(self) -> bytes:
        return encode(tuple(self))


class _Peers(NamedTuple):
    records: Sequence[bytes]


class Peers(_Peers):
    """The answer to GetPeers: `[[record, ...]]`, signed peer records as bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 14
    BYTES_MAX: ClassVar[int] = PEERS_MAX * (_RECORD_BYTES_MAX + 3) + 16

    @classmethod
    def decode(cls, body: bytes) -> Peers:
        _, records = decode_byte_strings(body, what="peers", heads=0, bytes_max=cls.BYTES_MAX, items_max=PEERS_MAX)
        return cls(records)

    def encode(self) -> bytes:
        return encode((self.records,))


def _is_address(host: str) -> bool:
    try:
        return str(ip_address(host)) == host and "%" not in host
    except ValueError:
        return False
