"""Transactions by name: who has which, and the question for them.  Answered by `Transactions`."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, TypeVar

from p2pchain.chain.codec import decode_array, encode, require_at_most, require_bytes
from p2pchain.chain.errors import Code, Invalid

NAME_BYTES = 8
"""The beginning of a transaction's id.  Who makes two of his own that begin alike harms nobody else's."""
NAMES_MAX = 1_024

_T = TypeVar("_T", bound="_Names")


class _Names(NamedTuple):
    names: tuple[bytes, ...]


def _decode(kind: type[_T], body: bytes, what: str, bytes_max: int) -> _T:
    (value,) = decode_array(body, what=what, fields=1, bytes_max=bytes_max)
    joined = require_bytes(value, what=f"{what} names")
    if len(joined) % NAME_BYTES:
        raise Invalid(Code.MALFORMED, f"{what} has names of {len(joined)} bytes, a multiple of {NAME_BYTES} wanted", found=len(joined))
    require_at_most(len(joined) // NAME_BYTES, NAMES_MAX, what=what, unit="names")
    return kind(tuple([joined[at : at + NAME_BYTES] for at in range(0, len(joined), NAME_BYTES)]))


class Announcement(_Names):
    """Transactions that the sender has accepted and can be asked for: `[names]`, eight bytes each."""

    __slots__ = ()
    TYPE: ClassVar[int] = 22
    BYTES_MAX: ClassVar[int] = 16 + NAME_BYTES * NAMES_MAX

    @classmethod
    def decode(cls, body: bytes) -> Announcement:
        return _decode(cls, body, "announcement", cls.BYTES_MAX)

    def encode(self) -> bytes:
        return encode((b"".join(self.names),))


class GetTransactions(_Names):
    """Asks for announced transactions: `[names]`, eight bytes each.  What one `Transactions` holds of them comes back."""

    __slots__ = ()
    TYPE: ClassVar[int] = 23
    BYTES_MAX: ClassVar[int] = 16 + NAME_BYTES * NAMES_MAX

    @classmethod
    def decode(cls, body: bytes) -> GetTransactions:
        return _decode(cls, body, "get_transactions", cls.BYTES_MAX)

    def encode(self) -> bytes:
        return encode((b"".join(self.names),))
