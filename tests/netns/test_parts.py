"""The parts of the lab by themselves: without root, and in virtual time."""

import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
import trio
import trio.testing

from tests.netns.names import answer
from tests.netns.slow_link import Line, SlowLink

RECORDS = {"node-1.p2pchain.test": ["10.99.1.2", "10.99.2.2"]}


def query(name: str, kind: int = 1, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def counts(reply: bytes) -> tuple[int, int]:
    """(code, number of answers)."""
    _, flags, _, answers, _, _ = struct.unpack_from("!6H", reply)
    return flags & 0xF, answers


def test_a_name_is_answered_with_all_its_addresses_whatever_its_case() -> None:
    reply = answer(query("NODE-1.p2pchain.test"), RECORDS)
    assert counts(reply) == (0, 2)
    assert reply[:2] == b"\0\x07"
    assert [reply[-16:][12:], reply[-32:-16][12:]] == [bytes([10, 99, 2, 2]), bytes([10, 99, 1, 2])]


def test_a_name_without_such_a_record_is_known_and_another_name_is_not() -> None:
    assert counts(answer(query("node-1.p2pchain.test", kind=28), RECORDS)) == (0, 0)
    assert counts(answer(query("node-9.p2pchain.test"), RECORDS)) == (3, 0)


@pytest.mark.parametrize("junk", [b"", b"\0" * 12, query("x.y")[:-3], answer(query("a.b"), {})])
def test_what_is_no_question_gets_no_answer(junk: bytes) -> None:
    with pytest.raises((ValueError, struct.error, IndexError)):
        answer(junk, RECORDS)


class Ends(NamedTuple):
    client: trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
    server: trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
    link: SlowLink


async def linked(nursery: trio.Nursery, line: Line) -> Ends:
    client, near = trio.testing.memory_stream_pair()
    far, server = trio.testing.memory_stream_pair()

    async def connect() -> trio.abc.HalfCloseableStream:
        await trio.lowlevel.checkpoint()
        return far

    link = SlowLink(line, connect)
    nursery.start_soon(link.carry, near)
    return Ends(client, server, link)


async def seconds(act: Callable[[], Awaitable[object]]) -> float:
    began = trio.current_time()
    await act()
    return round(trio.current_time() - began, 3)


async def exactly(stream: trio.abc.ReceiveStream, size: int) -> None:
    while size > 0:
        size -= len(await stream.receive_some(size))


async def test_bytes_arrive_after_the_delay_in_either_direction(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    ends = await linked(nursery, Line(delay_ms=50))
    await ends.client.send_all(b"there")
    assert await seconds(lambda: exactly(ends.server, 5)) == 0.05
    await ends.server.send_all(b"back")
    assert await seconds(lambda: exactly(ends.client, 4)) == 0.05


async def test_many_bytes_take_their_time_and_the_delay_once(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    ends = await linked(nursery, Line(delay_ms=100, bytes_per_s=100_000))
    await ends.client.send_all(bytes(200_000))
    assert await seconds(lambda: exactly(ends.server, 200_000)) == 2.1


async def test_nothing_passes_a_stalled_link_and_nothing_is_lost(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    ends = await linked(nursery, Line(is_stalled=True))
    await ends.client.send_all(b"later")
    with trio.move_on_after(60):
        await exactly(ends.server, 1)
        raise AssertionError("something passed")
    ends.link.change(Line())
    assert await seconds(lambda: exactly(ends.server, 5)) == 0


async def test_a_cut_ends_the_connection_and_a_cut_link_accepts_none(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    ends = await linked(nursery, Line())
    await ends.client.send_all(b"x")
    await exactly(ends.server, 1)
    ends.link.change(Line(is_cut=True))
    assert await ends.client.receive_some() == b""
    again = await linked(nursery, Line(is_cut=True))
    assert await again.client.receive_some() == b""


async def test_the_end_of_one_direction_is_passed_on_behind_what_was_sent(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ends = await linked(nursery, Line(delay_ms=30))
    await ends.client.send_all(b"bye")
    await ends.client.send_eof()
    await exactly(ends.server, 3)
    assert await ends.server.receive_some() == b""
    await ends.server.send_all(b"ok")
    assert await ends.client.receive_some() == b"ok"
