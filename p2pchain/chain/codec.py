"""One canonical encoding: MessagePack arrays of integers, byte strings, text, booleans and nil.

No maps, no floats, no extension types.  `decode` accepts exactly what `encode` produces (S8): it checks the size
before it allocates, bounds every array, and re-encodes and compares.  This is the only place that knows the
errors of the msgpack package.
"""

from __future__ import annotations

from typing import TypeAlias

import msgpack

from p2pchain.chain.errors import Code, Invalid

Value: TypeAlias = "int | bytes | str | bool | tuple[Value, ...] | None"

SMALL_BYTES_MAX = 64 * 1024
"""Up to this size arrays may nest: the worst frame (one-element arrays) then costs 3.4 MB of memory."""
ARRAY_MAX = 256
"""The longest array that may nest, the actions of a transaction.  An array is allocated when its three-byte header is
read, up to 1,024 deep, so this alone keeps a frame of 3 KiB from costing 8 MB."""

_pack = msgpack.Packer(use_bin_type=True).pack
"""One packer for all: to make one takes as long as to pack a row.  It keeps nothing from call to call, a refused value
included, and runs no Python code, so that two threads cannot be in it at once."""
_DECODE_ERRORS = (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError, OverflowError)


def encode(value: object) -> bytes:
    """The canonical bytes of nested tuples and lists."""
    packed: bytes = _pack(value)
    return packed


def decode(data: bytes, *, what: str, bytes_max: int = SMALL_BYTES_MAX, array_max: int = ARRAY_MAX) -> Value:
    """The value whose canonical encoding `data` is; `Invalid` for anything else.  `what` names it in errors."""
    if len(data) > bytes_max:
        raise Invalid(Code.OVERSIZED, f"{what} has {len(data)} bytes, at most {bytes_max} allowed", found=len(data), wanted=bytes_max)
    try:
        value: Value = msgpack.unpackb(
            data,
            use_list=False,
            raw=False,
            max_map_len=0,
            max_ext_len=0,
            max_array_len=array_max,
            max_bin_len=bytes_max,
            max_str_len=4096,
        )
    except _DECODE_ERRORS as error:
        raise Invalid(Code.MALFORMED, f"{what} is not MessagePack as specified: {_reason(error)}") from None
    _require_canonical(value, data, what)
    _require_known_types(value, what)
    return value


def decode_array(data: bytes, *, what: str, fields: int, bytes_max: int = SMALL_BYTES_MAX) -> tuple[Value, ...]:
    """Like `decode`, for an array of exactly `fields` elements."""
    return require_array(decode(data, what=what, bytes_max=bytes_max), what=what, fields=fields)


def decode_byte_strings(data: bytes, *, what: str, heads: int, bytes_max: int, items_max: int) -> tuple[list[bytes], list[bytes]]:
    """Split `[bin * heads, [bin, ...]]` without ever building a nested value: (heads, items).

    Large frames have this one shape, so no byte of theirs can buy more memory than its own copy and 33 bytes an item.
    """
    if len(data) > bytes_max:
        raise Invalid(Code.OVERSIZED, f"{what} has {len(data)} bytes, at most {bytes_max} allowed", found=len(data), wanted=bytes_max)
    # The two array headers are read by themselves: below them even an array of one element is over the limit.
    unpacker = msgpack.Unpacker(
        use_list=False, raw=True, read_size=max(1, len(data)), max_buffer_size=bytes_max, max_map_len=0, max_ext_len=0, max_array_len=0
    )
    unpacker.feed(data)
    try:
        if unpacker.read_array_header() != heads + 1:
            raise Invalid(Code.MALFORMED, f"{what} is not an array of {heads + 1} elements")
        first = [_require_bytes_item(unpacker.unpack(), what) for _ in range(heads)]
        count = unpacker.read_array_header()
        if count > items_max:
            raise Invalid(Code.OVERSIZED, f"{what} lists {count} items, at most {items_max} allowed", found=count, wanted=items_max)
        unpack = unpacker.unpack
        items = [unpack() for _ in range(count)]
    except _DECODE_ERRORS as error:
        raise Invalid(Code.MALFORMED, f"{what} is not MessagePack as specified: {_reason(error)}") from None
    for item in items:
        _require_bytes_item(item, what)
    _require_canonical((*first, items), data, what)
    return first, items


def require_at_most(found: int, most: int, *, what: str, unit: str) -> None:
    """`Invalid` (`oversized`) where something has more of a unit than is allowed."""
    if found > most:
        raise Invalid(Code.OVERSIZED, f"{what} has {found} {unit}, at most {most} allowed", found=found, wanted=most)


def require_array(value: Value, *, what: str, fields: int | None = None) -> tuple[Value, ...]:
    """The value as an array (of exactly `fields` elements); `Invalid` otherwise."""
    if type(value) is not tuple:
        raise Invalid(Code.MALFORMED, f"{what} is {type(value).__name__}, an array is wanted")
    if fields is not None and len(value) != fields:
        raise Invalid(Code.MALFORMED, f"{what} has {len(value)} elements, {fields} wanted", found=len(value), wanted=fields)
    return value


def require_int(value: Value, *, what: str, low: int = 0, high: int = 2**63 - 1) -> int:
    """The value as an integer within [low, high]; `Invalid` otherwise."""
    if type(value) is not int:
        raise Invalid(Code.MALFORMED, f"{what} is {type(value).__name__}, an integer is wanted")
    if not low <= value <= high:
        raise Invalid(Code.MALFORMED, f"{what} is {value}, {low} to {high} wanted", found=value)
    return value


def require_bytes(value: Value, *, what: str, size: int | None = None, size_max: int | None = None) -> bytes:
    """The value as a byte string of exactly `size`, or at most `size_max`, bytes; `Invalid` otherwise."""
    if type(value) is not bytes:
        raise Invalid(Code.MALFORMED, f"{what} is {type(value).__name__}, a byte string is wanted")
    if size is not None and len(value) != size:
        raise Invalid(Code.MALFORMED, f"{what} has {len(value)} bytes, {size} wanted", found=len(value), wanted=size)
    if size_max is not None and len(value) > size_max:
        raise Invalid(Code.OVERSIZED, f"{what} has {len(value)} bytes, at most {size_max} allowed", found=len(value), wanted=size_max)
    return value


def require_text(value: Value, *, what: str, size_max: int) -> str:
    """The value as printable text of at most `size_max` characters; `Invalid` otherwise."""
    if type(value) is not str or len(value) > size_max or not value.isprintable():
        raise Invalid(Code.MALFORMED, f"{what} is not printable text of at most {size_max} characters")
    return value


def _require_bytes_item(value: object, what: str) -> bytes:
    if type(value) is not bytes:
        raise Invalid(Code.MALFORMED, f"{what} holds {type(value).__name__} where a byte string is wanted")
    return value


def _require_canonical(value: object, data: bytes, what: str) -> None:
    try:
        again = encode(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        again = b""
    if again != data:
        raise Invalid(Code.NON_CANONICAL, f"{what} is not in its canonical encoding: decoding and encoding again gives other bytes")


_TYPES = frozenset({int, bytes, str, bool, tuple, type(None)})


def _require_known_types(value: object, what: str) -> None:
    """No floats, and none of the empty maps and extensions that a length limit of 0 lets through."""
    arrays: list[tuple[object, ...]] = [value if type(value) is tuple else (value,)]
    for array in arrays:  # grows as it goes
        types = set(map(type, array))
        if not types <= _TYPES:
            found = ", ".join(sorted(wrong.__name__ for wrong in types - _TYPES))
            raise Invalid(Code.MALFORMED, f"{what} holds {found}, none of the types of this encoding")
        if tuple in types:
            arrays += [item for item in array if type(item) is tuple]


def _reason(error: Exception) -> str:
    text = str(error).split("\n")[0][:120]
    return text or type(error).__name__
