"""MessagePack that nobody honest sends: depth, width, numbers beyond 64 bits, maps, extensions, other encodings of the same."""

from __future__ import annotations

import msgpack

BOMBS: tuple[bytes, ...] = (
    b"",
    b"\x90",
    b"\xc0",
    b"\xc1",  # never used
    b"\x91" * 600,  # nested
    b"\x91" * 1_030 + b"\x90",  # deeper than the package follows
    b"\x9f" * 250,
    b"\xdc\x01\x01" + b"\x90" * 257,  # one more than may nest
    b"\xdd\xff\xff\xff\xff",  # an array of 2^32 - 1, of which nothing follows
    b"\xdd\x00\x00\x00\x01\x01",  # an array of one, its length in four bytes
    b"\xdd\x7f\xff\xff\xff",  # msgpack-python issue 152
    b"\x9f\xfdt\xf7\xddt\xff\xfd\xbd",  # and issue 417
    b"\xc6\xff\xff\xff\xff",  # a byte string of 4 GiB
    b"\xc6\x00\x00\x00\x01a",
    b"\xdb\xff\xff\xff\xff",
    b"\xda\x20\x00" + b"x" * 0x2000,  # longer text than any
    b"\x91\xcf" + b"\xff" * 8,  # 2^64 - 1
    b"\x91\xcf\x80" + bytes(7),  # 2^63
    b"\x91\xd3\x80" + bytes(7),  # -2^63
    b"\x91\xd3" + bytes(7) + b"\x01",  # 1 in nine bytes
    b"\x91\xcc\x01",
    b"\x91\xe0",  # -32
    b"\x82\x01\x01\x01\x02",  # a map with one key twice
    b"\x91\x80",
    b"\xdf\xff\xff\xff\xff",  # a map of 2^32 - 1
    b"\x81\x90\x01",  # a key that cannot be one
    b"\x91\xc7\x00\x00",  # extensions
    b"\x91\xd4\x00\x01",
    b"\x91\xd6\xff\x00\x00\x00\x01",  # a timestamp
    b"\x91\xc7\x0c\xff" + b"\xff" * 12,  # a timestamp beyond all time
    b"\x91\xcb\x7f\xf8" + bytes(6),  # not a number
    b"\x91\xca\x7f\x80\x00\x00",  # infinity
    b"\x91\xa2\xff\xfe",  # no UTF-8
    b"\x91\xa3\xed\xa0\x80",  # half a surrogate pair
    b"\x91\xa4\xf4\x90\x80\x80",  # beyond Unicode
    msgpack.packb([1, b"\x91" * 100, [b"", [b"", []]]]),
    msgpack.packb([[b"a"] * 300]),
    msgpack.packb([b""] * 5),
)
