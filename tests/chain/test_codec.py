import tracemalloc
from collections.abc import Callable
from functools import partial

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pchain.chain.codec import (
    SMALL_BYTES_MAX,
    Value,
    decode,
    decode_array,
    decode_byte_strings,
    encode,
    require_array,
    require_bytes,
    require_int,
    require_text,
)
from p2pchain.chain.errors import Code, Invalid

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=20).map(tuple), max_leaves=30)

NON_CANONICAL = {
    "positive integer in one byte too many": b"\xcc\x7f",
    "uint16 for a byte": b"\xcd\x00\xff",
    "uint32 for a uint16": b"\xce\x00\x00\xff\xff",
    "uint64 for a uint32": b"\xcf\x00\x00\x00\x00\xff\xff\xff\xff",
    "int8 for a positive integer": b"\xd0\x05",
    "int8 for a small negative one": b"\xd0\xff",
    "int16 for a byte": b"\xd1\xff\x80",
    "int32 for an int16": b"\xd2\xff\xff\x80\x00",
    "int64 for an int32": b"\xd3\xff\xff\xff\xff\x80\x00\x00\x00",
    "int64 for a positive integer": b"\xd3\x00\x00\x00\x01\x00\x00\x00\x00",
    "bin16 for a short byte string": b"\xc5\x00\x01a",
    "bin32 for a short byte string": b"\xc6\x00\x00\x00\x01a",
    "str8 for a short text": b"\xd9\x01a",
    "str16 for a short text": b"\xda\x00\x01a",
    "str32 for a short text": b"\xdb\x00\x00\x00\x01a",
    "array16 for a short array": b"\xdc\x00\x01\x05",
    "array32 for a short array": b"\xdd\x00\x00\x00\x01\x05",
    "text that is no UTF-8": b"\xa1\xff",
    "text with a surrogate": b"\xa3\xed\xa0\x80",
    "empty map": b"\x80",
    "map": b"\x81\x01\x02",
    "map16": b"\xde\x00\x00",
    "map32": b"\xdf\x00\x00\x00\x00",
    "map of a million": b"\xdf\x00\x0f\xff\xff",
    "extension": b"\xd4\x05\x00",
    "empty extension": b"\xc7\x00\x05",
    "timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "float32": b"\xca\x3f\x80\x00\x00",
    "float64": b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    "not a number": b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    "the byte that MessagePack never uses": b"\xc1",
    "array of a million, empty": b"\xdd\x00\x0f\xff\xff",
    "byte string of 4 GiB, empty": b"\xc6\xff\xff\xff\xff",
}


def outcome(action: Callable[[], object]) -> Code | None:
    """None, or the code of the refusal; any other error is a bug."""
    try:
        action()
    except Invalid as refusal:
        return refusal.code
    return None


def peak_bytes(action: Callable[[], object]) -> int:
    action()  # what is allocated once, at first use, is nobody's frame
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- one encoding


@given(VALUES)
def test_what_is_encoded_comes_back(value: Value) -> None:
    assert decode(encode(value), what="value") == value


@given(VALUES)
def test_every_decoded_value_has_one_encoding(value: Value) -> None:
    data = encode(value)
    assert encode(decode(data, what="value")) == data


def test_lists_and_tuples_are_the_same_array() -> None:
    assert encode([1, [b"a"]]) == encode((1, (b"a",)))


@pytest.mark.parametrize("data", NON_CANONICAL.values(), ids=NON_CANONICAL.keys())
@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: b"\x91" + data, lambda data: b"\x92\x01\x91" + data])
def test_other_forms_of_a_value_are_refused(data: bytes, wrap: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Invalid):
        decode(wrap(data), what="value")


@given(VALUES, st.binary(min_size=1, max_size=3))
def test_bytes_after_the_value_are_refused(value: Value, junk: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        decode(encode(value) + junk, what="value")
    assert caught.value.code is Code.MALFORMED


@given(VALUES)
def test_a_value_cut_anywhere_is_refused(value: Value) -> None:
    data = encode(value)
    for end in range(len(data)):
        with pytest.raises(Invalid):
            decode(data[:end], what="value")


@given(st.binary(max_size=400))
@example(b"")
@example(b"\x91" * 400)
def test_any_bytes_are_a_value_or_invalid(data: bytes) -> None:
    if outcome(lambda: decode(data, what="value")) is None:
        assert encode(decode(data, what="value")) == data


@given(VALUES, st.data())
def test_a_changed_byte_is_another_value_or_invalid(value: Value, data: st.DataObject) -> None:
    good = encode(value)
    place = data.draw(st.integers(0, len(good) - 1))
    changed = good[:place] + bytes([data.draw(st.integers(0, 255))]) + good[place + 1 :]
    if outcome(lambda: decode(changed, what="value")) is None:
        assert encode(decode(changed, what="value")) == changed


# --- limits


@pytest.mark.parametrize("depth", [1_025, 1_200, 60_000])
def test_an_array_too_deep_is_refused(depth: int) -> None:
    assert outcome(lambda: decode(b"\x91" * depth + b"\xc0", what="value")) is Code.MALFORMED


def test_depth_within_the_limits_of_the_library_is_no_error_of_another_kind() -> None:
    for depth in (100, 511, 512, 513, 900, 1_000, 1_023, 1_024):
        assert outcome(partial(decode, b"\x91" * depth + b"\xc0", what="value")) in {None, Code.MALFORMED, Code.NON_CANONICAL}


def test_a_frame_over_its_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(Invalid) as caught:
        decode(b"\xc1" * 101, what="value", bytes_max=100)
    assert caught.value.code is Code.OVERSIZED
    assert caught.value.evidence == {"found": 101, "wanted": 100}


@pytest.mark.parametrize(("size", "code"), [(SMALL_BYTES_MAX, None), (SMALL_BYTES_MAX + 1, Code.OVERSIZED)])
def test_what_may_nest_has_at_most_64_kib_unless_said(size: int, code: Code | None) -> None:
    assert outcome(lambda: decode(encode(bytes(size - 3)), what="value")) is code


@pytest.mark.parametrize(("items", "code"), [(10, None), (11, Code.MALFORMED)])
def test_an_array_has_at_most_so_many_elements(items: int, code: Code | None) -> None:
    assert outcome(lambda: decode(encode((0,) * items), what="value", array_max=10)) is code


HOSTILE_SMALL = {
    "one-element arrays within arrays": b"\xdc\x00\xa3" + (b"\x91" * 400 + b"\xc0") * 163,
    "empty arrays": b"\xdc\x00\xf9" + (b"\xdc\x01\x00" + b"\x90" * 256) * 249,
    "integers": b"\xdc\x00\x54" + (b"\xdc\x01\x00" + b"\xcd\x7f\xff" * 256) * 84,
    "texts": b"\xdc\x00\x7c" + (b"\xdc\x01\x00" + b"\xa1a" * 256) * 124,
    "byte strings": b"\xdc\x00\x54" + (b"\xdc\x01\x00" + b"\xc4\x01a" * 256) * 84,
    "deep and never closed": b"\x91" * SMALL_BYTES_MAX,
    "as wide as allowed and never closed": b"\xdc\x01\x00" * 21_000,
    "wider than allowed and never closed": b"\xdc\x04\x00" * 21_000,
    "as deep and wide as allowed": b"\xdc\x01\x00" * 300 + b"\x90" * (256 + 255 * 255),
}


@pytest.mark.parametrize("data", HOSTILE_SMALL.values(), ids=HOSTILE_SMALL.keys())
def test_a_small_frame_cannot_buy_much_memory(data: bytes) -> None:
    assert SMALL_BYTES_MAX * 0.95 < len(data) <= SMALL_BYTES_MAX + 1_000
    assert peak_bytes(lambda: outcome(lambda: decode(data, what="frame", bytes_max=len(data)))) < 3.5 * (1 << 20)


# --- the shape of large frames


def split(data: bytes, *, heads: int = 2, bytes_max: int = 1 << 20, items_max: int = 5_000) -> tuple[list[bytes], list[bytes]]:
    return decode_byte_strings(data, what="frame", heads=heads, bytes_max=bytes_max, items_max=items_max)


@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.binary(max_size=300), max_size=30))
def test_byte_strings_come_back(heads: list[bytes], items: list[bytes]) -> None:
    assert split(encode((*heads, items)), heads=len(heads)) == (heads, items)


@pytest.mark.parametrize("item", [1, None, True, "text", (), (b"a",), ((),), -7])
def test_anything_but_byte_strings_is_refused(item: object) -> None:
    for value in ((item, b"", ()), (b"", item, ()), (b"", b"", (b"a", item)), (b"", b"", (item,))):
        with pytest.raises(Invalid):
            split(encode(value))


@pytest.mark.parametrize("data", NON_CANONICAL.values(), ids=NON_CANONICAL.keys())
def test_other_forms_are_refused_in_large_frames_too(data: bytes) -> None:
    for frame in (data, b"\x93\xc4\x00\xc4\x00" + data, b"\x93\xc4\x00" + data + b"\x90", b"\x93\xc4\x00\xc4\x00\x91" + data):
        with pytest.raises(Invalid):
            split(frame)


@pytest.mark.parametrize(
    "data",
    [
        b"\xdc\x00\x03\xc4\x00\xc4\x00\x90",
        b"\xdd\x00\x00\x00\x03\xc4\x00\xc4\x00\x90",
        b"\x93\xc4\x00\xc4\x00\xdc\x00\x01\xc4\x00",
        b"\x93\xc4\x00\xc4\x00\xdd\x00\x00\x00\x00",
        b"\x93\xc5\x00\x00\xc4\x00\x90",
        b"\x93\xa0\xa0\x90",
        b"\x92\xc4\x00\xc4\x00",
        b"\x94\xc4\x00\xc4\x00\x90\x90",
    ],
)
def test_long_headers_and_wrong_counts_are_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        split(data)


def test_large_frames_are_refused_when_cut_or_followed_by_anything() -> None:
    data = encode((b"head", b"", (b"one", b"", b"three" * 60)))
    for end in range(len(data)):
        with pytest.raises(Invalid):
            split(data[:end])
    for junk in (b"\x00", b"\xc0", b"\xc1", data):
        with pytest.raises(Invalid):
            split(data + junk)


@given(st.binary(max_size=300))
@example(b"\x93\xc4\x00\xc4\x00\xdd\xff\xff\xff\xff")
@example(b"\x93\xc4\x00\xc4\x00\xdc\x13\x88")
def test_any_bytes_are_byte_strings_or_invalid(data: bytes) -> None:
    for frame in (data, b"\x93\xc4\x00\xc4\x00" + data):
        if outcome(partial(split, frame)) is None:
            heads, items = split(frame)
            assert encode((*heads, items)) == frame


@pytest.mark.parametrize(("count", "code"), [(3, None), (4, Code.OVERSIZED)])
def test_a_large_frame_lists_at_most_so_many_items(count: int, code: Code | None) -> None:
    assert outcome(lambda: split(encode((b"", b"", (b"x",) * count)), items_max=3)) is code


def test_a_large_frame_over_its_limit_is_refused_before_it_is_read() -> None:
    assert outcome(lambda: split(b"\xc1" * 101, bytes_max=100)) is Code.OVERSIZED


def large(body: bytes) -> bytes:
    return b"\x93\xc4\x00\xc4\x00" + body


HOSTILE_LARGE = {
    "arrays in the items": large(b"\xdc\x0a\x00" + (b"\x91" * 400 + b"\xc0") * 0xA00),
    "arrays in a head": b"\x93" + b"\xdc\x0a\x00" + (b"\x91" * 400 + b"\xc0") * 0xA00,
    "empty arrays in an item": large(b"\x91\xdd\x00\x0f\xff\x00" + b"\x90" * 0xFFF00),
    "short byte strings": large(b"\xdc\x13\x88" + (b"\xc4\x20" + b"a" * 32) * 5_000),
    "one long byte string": large(b"\x91" + encode(bytes((1 << 20) - 64))),
    "an array that is never filled": large(b"\xdd\x7f\xff\xff\xff" + b"\x00" * 100_000),
    "integers": large(b"\xdc\x13\x88" + b"\xcd\x7f\xff" * 5_000 + bytes(100_000)),
    "nothing but array headers": b"\xdc\xff\xff" * 300_000,
}


@pytest.mark.parametrize("data", HOSTILE_LARGE.values(), ids=HOSTILE_LARGE.keys())
def test_a_large_frame_costs_at_most_eight_times_its_size(data: bytes) -> None:
    assert SMALL_BYTES_MAX < len(data) <= 1 << 20
    assert peak_bytes(lambda: outcome(lambda: split(data))) <= 8 * len(data)


# --- asking for types


@pytest.mark.parametrize("value", [True, False, None, b"\x01", "1", (1,), -1, 2**63, 1.0])
def test_only_an_integer_in_its_bounds_is_an_integer(value: Value) -> None:
    with pytest.raises(Invalid):
        require_int(value, what="number")


@pytest.mark.parametrize("value", ["aa", 2, None, (b"aa",), b"a", b"aaa", bytearray(b"aa")])
def test_only_bytes_of_the_size_are_bytes(value: Value) -> None:
    with pytest.raises(Invalid):
        require_bytes(value, what="bytes", size=2)


def test_bytes_longer_than_allowed_are_oversized() -> None:
    assert outcome(lambda: require_bytes(b"aaa", what="bytes", size_max=2)) is Code.OVERSIZED
    assert require_bytes(b"aa", what="bytes", size_max=2) == b"aa"


@pytest.mark.parametrize("value", [b"a", 1, None, "abcd", "a\n", "a\x1b[31m", "\u202e"])
def test_text_is_short_and_printable(value: Value) -> None:
    with pytest.raises(Invalid):
        require_text(value, what="text", size_max=3)


@pytest.mark.parametrize("value", [b"aa", None, 2, (1,), (1, 2, 3)])
def test_only_an_array_of_the_size_is_an_array(value: Value) -> None:
    with pytest.raises(Invalid):
        require_array(value, what="array", fields=2)
    with pytest.raises(Invalid):
        decode_array(encode(value), what="array", fields=2)


def test_the_errors_of_the_library_stay_inside() -> None:
    """The words of a refusal name what was wrong, never a Python type of the library's."""
    with pytest.raises(Invalid) as caught:
        decode(msgpack.packb({1: 2}), what="status")
    assert str(caught.value).startswith("malformed: status is not MessagePack as specified")
    assert caught.value.__cause__ is None
