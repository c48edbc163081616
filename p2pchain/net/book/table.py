"""Two tables of places, and which place is whose.

As in Bitcoin Core's address manager (Heilman et al., "Eclipse attacks on Bitcoin's peer-to-peer network", 2015): a secret salt
decides, so that nobody outside can aim; what one source tells reaches a sixteenth of the new places, whatever it tells,
and what is met in one group of addresses a sixteenth of the tried ones.  Each place holds one entry, so the tables are
bounded by their construction.
"""

from __future__ import annotations

import hashlib

from p2pchain.net.groups import Group, group_of_host
from p2pchain.wire.peer_record import RecordEndpoint

POSITIONS = 32
NEW_BUCKETS = 256
NEW_BUCKETS_PER_SOURCE = 16
TRIED_BUCKETS = 64
TRIED_BUCKETS_PER_GROUP = 4
LOCAL_SHARES = 8
"""A local subnet may be the whole network: its nodes have as many times the room of a group of the internet, 256 new places a
source and 1,024 tried ones, so that a hundred honest ones find theirs."""

Place = tuple[bool, int, int]


class Places:
    """Where entries belong, by the salt."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def new(self, node_key: bytes, endpoint: RecordEndpoint, source: Group) -> Place:
        share = self._number(NEW_BUCKETS_PER_SOURCE, b"share", self._group(node_key, endpoint), source.prefix)
        bucket = self._number(NEW_BUCKETS, b"new", source.prefix, bytes([share]))
        return False, bucket, self._position(b"new position", bucket, node_key)

    def tried(self, node_key: bytes, endpoint: RecordEndpoint) -> Place:
        share = self._number(TRIED_BUCKETS_PER_GROUP, b"tried share", node_key)
        bucket = self._number(TRIED_BUCKETS, b"tried", self._group(node_key, endpoint), bytes([share]))
        return True, bucket, self._position(b"tried position", bucket, node_key)

    def _group(self, node_key: bytes, endpoint: RecordEndpoint) -> bytes:
        group = group_of_host(endpoint.host)
        if not group.is_local:
            return group.prefix
        return group.prefix + bytes([self._number(LOCAL_SHARES, b"local", node_key)])

    def _position(self, purpose: bytes, bucket: int, node_key: bytes) -> int:
        return self._number(POSITIONS, purpose, bucket.to_bytes(2, "big"), node_key)

    def _number(self, below: int, *parts: bytes) -> int:
        """A number that only the salt foretells; every part goes in with its length."""
        told = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        return int.from_bytes(hashlib.blake2b(told, digest_size=8, key=self._salt).digest(), "big") % below
