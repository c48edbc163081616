"""The one encoding: nested values, and the flat shape of large frames."""

from __future__ import annotations

from p2pchain.chain.codec import Value, decode, decode_byte_strings, encode
from p2pchain.chain.errors import Invalid
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import is_canonical, read
from tests.fuzz.mutation.formats import mutate_msgpack
from tests.fuzz.target import Target

SAMPLES = (encode((1, b"two", "three", (True, None, -4), 2**63)), encode(((((),),), b"", "")), encode(tuple(range(200))))
FLAT = (encode((b"head", (b"one", b"", b"three"))), encode((b"", (b"x",) * 70)), encode((b"", ())))


def _check_value(data: bytes) -> str:
    value: Value | str = read(lambda raw: (decode(raw, what="value"),), data, Invalid)
    if isinstance(value, str):
        return value
    assert isinstance(value, tuple)
    is_canonical(encode(value[0]), data)
    return f"accepted {type(value[0]).__name__} {_kinds(value[0])}"


def _kinds(value: Value) -> str:
    return " ".join(sorted({type(item).__name__ for item in value})) if isinstance(value, tuple) else ""


def _check_flat(data: bytes) -> str:
    found = read(lambda raw: decode_byte_strings(raw, what="list", heads=1, bytes_max=2_000, items_max=100), data, Invalid)
    if isinstance(found, str):
        return found
    heads, items = found
    assert len(heads) == 1 and len(items) <= 100, "no more than allowed"  # noqa: PT018
    assert all(type(item) is bytes for item in (*heads, *items)), "byte strings alone"
    is_canonical(encode((*heads, items)), data)
    return f"accepted {min(len(items), 3)}"


TARGETS = (
    Target("codec", "a value that encodes to the same bytes, or Invalid", _check_value, lambda: (*SAMPLES, *BOMBS), mutate_msgpack, 8_192),
    Target("byte-strings", "flat lists within their limits, or Invalid", _check_flat, lambda: (*FLAT, *BOMBS), mutate_msgpack),
)
