from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pchain.chain.codec import encode
from p2pchain.chain.errors import Invalid
from p2pchain.wire.errors import RemoteViolation
from p2pchain.wire.framing import HEADER_BYTES, FrameReader, encode_frame
from p2pchain.wire.messages import (
    ANSWER_BYTES_MAX,
    BLOCK_BYTES_MAX,
    BLOCKS_MAX,
    BY_TYPE,
    MESSAGES,
    TRANSACTIONS_BYTES_MAX,
    TRANSACTIONS_MAX,
    BlockMessage,
    Blocks,
    GetBlocks,
    Goodbye,
    Hello,
    Message,
    Ping,
    Status,
    Transactions,
)
from tests.wire.samples import GOODBYES, HELLOS, OPEN_MESSAGES, SAMPLES, THEIRS, TIPS

ALL_TYPES = frozenset(BY_TYPE)
OPAQUE = {4, 6, 24}
"""Blocks, certificates and parts of frames travel as they are: what is in them is decoded elsewhere."""

every_sample = pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
every_structured_sample = pytest.mark.parametrize(
    "message", [sample for sample in SAMPLES if sample.TYPE not in OPAQUE], ids=lambda message: type(message).__name__
)


def read_all(reader: FrameReader) -> Iterator[Message]:
    while (message := reader.next_message(ALL_TYPES)) is not None:
        yield message


def framed(number: int, body: bytes) -> bytes:
    return (len(body) + 1).to_bytes(4, "big") + bytes((number,)) + body


def refuse(data: bytes) -> str:
    reader = FrameReader()
    reader.feed(data)
    with pytest.raises(RemoteViolation) as refusal:
        reader.next_message(ALL_TYPES)
    return refusal.value.message


# --- every reader, whole, byte by byte, and with trailing junk ------------------------------------------------------


def test_there_is_a_sample_of_each_message() -> None:
    assert [type(sample) for sample in SAMPLES] == list(MESSAGES)
    numbers = [message.TYPE for message in MESSAGES]
    assert numbers[:14] == list(range(1, 15)), "numbers are never used for anything else"
    assert len(set(numbers)) == len(numbers)


@every_sample
def test_a_message_comes_back_whole(message: Message) -> None:
    reader = FrameReader()
    reader.feed(encode_frame(message))
    assert list(read_all(reader)) == [message]
    assert type(message).decode(message.encode()) == message


@every_sample
def test_a_message_comes_back_byte_by_byte_and_not_a_byte_sooner(message: Message) -> None:
    reader = FrameReader()
    frame = encode_frame(message)
    for byte in frame[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next_message(ALL_TYPES) is None
    reader.feed(frame[-1:])
    assert reader.next_message(ALL_TYPES) == message


@every_sample
def test_junk_behind_a_frame_does_not_touch_the_message_before_it(message: Message) -> None:
    reader = FrameReader()
    reader.feed(encode_frame(message) + b"\xff" * 9)
    assert reader.next_message(ALL_TYPES) == message
    with pytest.raises(RemoteViolation):
        reader.next_message(ALL_TYPES)


@every_structured_sample
def test_junk_within_a_frame_is_refused(message: Message) -> None:
    for junk in (b"\x00", b"\xc0", message.encode()):
        refuse(framed(message.TYPE, message.encode() + junk))


@every_structured_sample
def test_a_truncated_body_is_refused(message: Message) -> None:
    body = message.encode()
    for size in range(len(body)):
        refuse(framed(message.TYPE, body[:size]))


@given(st.lists(st.one_of(OPEN_MESSAGES, HELLOS, GOODBYES), max_size=8), st.data())
def test_any_messages_survive_any_cutting(messages: list[Message], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader, heard = FrameReader(), list[Message]()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        heard += read_all(reader)
    assert heard == messages


# --- what is refused, and how soon ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_header_that_says_too_much_is_refused_when_its_fifth_byte_is_there(kind: type[Message]) -> None:
    header = (kind.BYTES_MAX + 2).to_bytes(4, "big") + bytes((kind.TYPE,))
    reader = FrameReader()
    reader.feed(header[:-1])
    assert reader.next_message(ALL_TYPES) is None
    reader.feed(header[-1:])
    with pytest.raises(RemoteViolation, match=f"{kind.__name__} frame says {kind.BYTES_MAX + 1} bytes, at most {kind.BYTES_MAX} allowed"):
        reader.next_message(ALL_TYPES)


@pytest.mark.parametrize("number", [0, 99, 127, 255])
def test_an_unknown_type_is_refused_when_its_fifth_byte_is_there(number: int) -> None:
    assert refuse((1).to_bytes(4, "big") + bytes((number,))) == f"frame has type {number}, which is not allowed here"


def test_a_frame_of_no_bytes_at_all_is_refused() -> None:
    assert refuse(bytes(4) + b"\x02") == f"Status frame says -1 bytes, at most {Status.BYTES_MAX} allowed"


def test_a_type_that_is_not_allowed_here_is_refused_before_its_body() -> None:
    reader = FrameReader()
    reader.feed(encode_frame(Ping(1))[:HEADER_BYTES])
    with pytest.raises(RemoteViolation, match="type 10, which is not allowed here"):
        reader.next_message(frozenset({Hello.TYPE}))


def test_the_largest_messages_that_the_limits_promise_fit_into_a_frame() -> None:
    encode_frame(BlockMessage(bytes(BLOCK_BYTES_MAX)))
    encode_frame(Transactions([bytes(TRANSACTIONS_BYTES_MAX)]))
    encode_frame(Transactions([bytes(TRANSACTIONS_BYTES_MAX // TRANSACTIONS_MAX)] * TRANSACTIONS_MAX))
    encode_frame(Blocks(1, [bytes(ANSWER_BYTES_MAX // BLOCKS_MAX), b""] * BLOCKS_MAX))


@pytest.mark.parametrize(
    ("number", "value", "why"),
    [
        (7, [1, 0, 1], "height is 0"),
        (7, [1, 1, 513], "limit is 513"),
        (7, [1, 1, 0], "limit is 0"),
        (7, [True, 1, 1], "request is bool"),
        (7, [-1, 1, 1], "request is -1"),
        (7, [2**63, 1, 1], "request is 9223372036854775808"),
        (7, [1, 1], "has 2 elements, 3 wanted"),
        (8, [1, bytes(31), bytes(32)], "tip has 31 bytes, 32 wanted"),
        (8, [1, "x" * 32, bytes(32)], "tip is str, a byte string is wanted"),
        (10, ["token"], "token is str"),
        (10, [1.0], "float"),
        (10, [None], "token is NoneType"),
        (10, [[1]], "token is tuple"),
        (10, 1, "ping is int, an array is wanted"),
        (12, [256, ""], "reason is 256"),
        (12, [1, "two\nlines"], "not printable text"),
        (12, [1, "x" * 201], "not printable text of at most 200"),
        (12, [1, b"bytes"], "not printable text"),
        (5, [3, b"", bytes(32), bytes(64)], "kind is 3"),
        (5, [1, encode((1, 1, bytes(32))), bytes(32), bytes(63)], "signature has 63 bytes"),
        (5, [1, encode((0, 1, bytes(32))), bytes(32), bytes(64)], "slot is 0"),
        (3, [[b"a", 1]], "holds int where a byte string is wanted"),
        (3, [b"a"], "not MessagePack as specified"),
        (3, [[b""] * (TRANSACTIONS_MAX + 1)], ""),
        (9, [bytes(7), []], "request has 7 bytes"),
        (9, [bytes(8), [b"block without its certificate"]], "1 items, pairs of block and certificate wanted"),
        (9, [bytes(8), [b""] * (2 * BLOCKS_MAX + 2)], ""),
        (2, [[[1, 1, bytes(32)]]], "tips has 1 elements"),
        (1, [1], "hello has 1 elements, 3 wanted"),
    ],
)
def test_a_value_out_of_its_bounds_is_named(number: int, value: object, why: str) -> None:
    assert why in refuse(framed(number, msgpack.packb(value)))


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (10, b"\x91\xcc\x01"),  # 1 in two bytes
        (10, b"\x91\xcf" + bytes(7) + b"\x01"),  # 1 in nine bytes
        (10, b"\xdc\x00\x01\x01"),  # an array of one, its length in two bytes
        (10, b"\x91\xd0\x01"),  # 1 as a signed number
        (8, b"\x92\x01\xc5\x00\x20" + bytes(32)),  # a byte string of 32, its length in two bytes
        (3, b"\x91\xdc\x00\x01\xc4\x01a"),
        (3, b"\x91\x91\xa1a"),  # text where bytes belong, the same characters
        (3, b"\x91\x91\xc5\x00\x01a"),
        (12, b"\x92\x01\xd9\x01a"),
        (10, b"\x81\x01\x01"),  # a map
        (10, b"\x91\xd4\x00\x01"),  # an extension
        (10, b"\x91\xd6\xff\x00\x00\x00\x01"),  # a timestamp
        (10, b"\xc1"),  # a byte that MessagePack never uses
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else str(value),
)
def test_any_other_encoding_of_the_same_is_refused(number: int, body: bytes) -> None:
    refuse(framed(number, body))


@given(GOODBYES)
@example(Goodbye(255, "\U0001f600" * 100))
def test_a_goodbye_of_any_script_comes_back(goodbye: Goodbye) -> None:
    assert Goodbye.decode(goodbye.encode()) == goodbye


# --- any bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(body=st.binary(max_size=1_000))
def test_a_decoder_gives_a_message_that_encodes_to_the_same_bytes_or_says_invalid(kind: type[Message], body: bytes) -> None:
    try:
        message = kind.decode(body)
    except Invalid:
        return
    assert message.encode() == body


@given(sample=st.sampled_from([*SAMPLES, GetBlocks(300, TIPS.head.height, 1)]), data=st.data())
def test_a_message_with_flipped_bytes_is_another_message_or_invalid(sample: Message, data: st.DataObject) -> None:
    body = bytearray(sample.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = type(sample).decode(bytes(body))
    except Invalid:
        return
    assert message.encode() == body


# --- bombs (F18) ----------------------------------------------------------------------------------------------------

BUFFERS_BYTES = 1_500_000
"""The msgpack package begins each decoding with a buffer of 1 MiB and each encoding with one of 256 KiB, mostly untouched."""

BOMBS: dict[str, Callable[[int], bytes]] = {
    "empty arrays": lambda size: b"\xdd" + (size - 5).to_bytes(4, "big") + b"\x90" * (size - 5),
    "nested arrays": lambda size: b"\x91" * size,
    "empty maps": lambda size: b"\xdd" + (size - 5).to_bytes(4, "big") + b"\x80" * (size - 5),
    "a promise of arrays": lambda size: b"\xdd\xff\xff\xff\xff" * (size // 5),
    "a promise of bytes": lambda size: b"\x91\xc6\xff\xff\xff\xff" + bytes(size - 6),
    "empty byte strings": lambda size: b"\x91\xdd" + ((size - 6) // 2).to_bytes(4, "big") + b"\xc4\x00" * ((size - 6) // 2),
    "allowed byte strings": lambda size: encode(((b"",) * min(TRANSACTIONS_MAX, (size - 6) // 2),)),
    "blocks of nothing": lambda size: encode((bytes(8), (b"",) * min(2 * BLOCKS_MAX, (size - 20) // 2))),
    "nil": lambda size: b"\xdd" + (size - 5).to_bytes(4, "big") + b"\xc0" * (size - 5),
    "extensions": lambda size: b"\x91\xc9\xff\xff\xff\xff\x01" + bytes(size - 7),
    "text": lambda size: b"\x91\xdb" + (size - 6).to_bytes(4, "big") + b"x" * (size - 6),
}


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind.TYPE not in OPAQUE], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_memory(kind: type[Message], bomb: str) -> None:
    size = min(kind.BYTES_MAX, 1 << 20)
    frame = framed(kind.TYPE, BOMBS[bomb](size)[:size])
    reader = FrameReader()
    tracemalloc.start()
    try:
        reader.feed(frame)
        with suppress(RemoteViolation):
            reader.next_message(ALL_TYPES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 8 * len(frame) + BUFFERS_BYTES, f"{peak} bytes for a frame of {len(frame)}"


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_time(bomb: str) -> None:
    frame = framed(Transactions.TYPE, BOMBS[bomb](1 << 20))
    times = []
    for _ in range(5):
        reader = FrameReader()
        reader.feed(frame)
        began = perf_counter()
        with suppress(RemoteViolation):
            reader.next_message(ALL_TYPES)
        times.append(perf_counter() - began)
    assert min(times) < 0.010, "ten milliseconds a MiB"


def test_the_reader_holds_one_frame_at_most() -> None:
    reader = FrameReader()
    for _ in range(1_000):
        reader.feed(encode_frame(THEIRS))
        assert list(read_all(reader)) == [THEIRS]
    assert not reader._buffer
