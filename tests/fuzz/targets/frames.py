"""A stream of frames, however it is cut: the same messages, the same end, and never more than one frame kept."""

from __future__ import annotations

from p2pchain.wire.errors import RemoteViolation
from p2pchain.wire.framing import HEADER_BYTES, FrameReader, encode_frame
from p2pchain.wire.messages import BY_TYPE, Message
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import told
from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.target import Target
from tests.wire.samples import SAMPLES

ALLOWED = frozenset(BY_TYPE)


def _check(data: bytes) -> str:
    """The first byte says where the stream is cut."""
    step, stream = (data[0] if data else 0) + 1, data[1:]
    whole, end = _read(stream, max(1, len(stream)))
    assert _read(stream, step) == (whole, end), f"pieces of {step} bytes make another conversation"
    again = b"".join(map(encode_frame, whole))
    assert stream.startswith(again), "what was read is what was sent"
    return f"{min(len(whole), 3)} messages, {end}"


def _read(stream: bytes, step: int) -> tuple[list[Message], str]:
    reader, heard = FrameReader(), list[Message]()
    try:
        for start in range(0, len(stream), step):
            reader.feed(stream[start : start + step])
            while (message := reader.next_message(ALLOWED)) is not None:
                heard.append(message)
            _require_bounded(bytes(reader._buffer))
    except RemoteViolation as violation:
        return heard, told(violation)
    return heard, "waits for more"


def _require_bounded(kept: bytes) -> None:
    """What waits is one frame short of a byte, of a type and a size that are allowed."""
    if len(kept) >= HEADER_BYTES:
        size = int.from_bytes(kept[:4], "big") - 1
        assert len(kept) < HEADER_BYTES + size <= HEADER_BYTES + BY_TYPE[kept[4]].BYTES_MAX, f"{len(kept)} bytes kept"


def _framed(number: int, body: bytes) -> bytes:
    return (len(body) + 1).to_bytes(4, "big") + bytes((number,)) + body


def _seeds() -> list[bytes]:
    frames = [encode_frame(sample) for sample in SAMPLES]
    bombs = [_framed(number, bomb) for number in BY_TYPE for bomb in BOMBS[:3]]
    return [bytes([step]) + b"".join(frames) for step in (0, 6, 255)] + [b"\x06" + frame for frame in (*frames, *bombs)]


TARGETS = (Target("frames", "messages that are what was sent, in any cut, or RemoteViolation", _check, _seeds, mutate_bytes, 2_048),)
