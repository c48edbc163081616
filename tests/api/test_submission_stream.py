from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.api.byte_strings import ByteStrings
from p2pchain.chain.codec import encode
from p2pchain.chain.transaction import BYTES_CEILING, decode_transaction
from tests.api.fakes import Node, many_items, transfers

PATH = "/v1/transactions/stream"
MSGPACK = {"content-type": "application/msgpack"}
HEAD = b"POST /v1/transactions/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\nTransfer-Encoding: chunked\r\n\r\n"


def joined(items: Iterable[bytes]) -> bytes:
    return b"".join(map(encode, items))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def lines_of(response: httpx2.Response) -> list[Any]:
    return [json.loads(line) for line in response.text.splitlines()]


async def post(node: Node, content: bytes) -> list[Any]:
    response = await node.client.post(PATH, content=content, headers=MSGPACK)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    return lines_of(response)


class Talk:
    """A stream of transactions by hand, to say what is sent when."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._heard = bytearray()

    async def say(self, items: Iterable[bytes]) -> None:
        await self.stream.send_all(chunk(joined(items)))

    async def hear(self, lines: int) -> list[Any]:
        """So many lines of the answer, whatever chunks they come in."""
        while self._heard.count(b"\n{") + self._heard.count(b"\r\n{") < lines or not self._heard.endswith(b"\n\r\n"):
            piece = await self.stream.receive_some()
            assert piece, bytes(self._heard)
            self._heard += piece
        found = [json.loads(line) for line in self._heard.splitlines() if line.startswith(b"{")]
        self._heard.clear()
        return found


@asynccontextmanager
async def talking(node: Node) -> AsyncIterator[Talk]:
    stream = await node.talk(HEAD)
    try:
        yield Talk(stream)
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def started(nursery: trio.Nursery, **settings: Any) -> AsyncIterator[Node]:
    node = Node(**settings)
    await node.start(nursery)
    async with node.client:
        yield node


@pytest.mark.parametrize("number", [0, 1, 40])
async def test_each_transaction_has_its_line_in_order_and_the_last_line_says_that_all_came(node: Node, number: int) -> None:
    items = transfers(node.reads, number)
    *results, end = await post(node, joined(items))
    assert [result["id"] for result in results] == [decode_transaction(raw, node.reads.maker.spec).id.hex() for raw in items]
    assert end == {"end": {"code": "complete", "message": "the body has ended", "transactions": number}}


async def test_lines_come_while_the_body_still_does(node: Node) -> None:
    async with talking(node) as talk:
        for item in transfers(node.reads, 3):
            await talk.say([item])
            (line,) = await talk.hear(1)
            assert line["status"] == "pending"
        await talk.stream.send_all(b"0\r\n\r\n")
        (end,) = await talk.hear(1)
        assert end["end"]["transactions"] == 3


async def test_a_bad_transaction_is_its_own_line(node: Node) -> None:
    first, second = transfers(node.reads, 2)
    *results, end = await post(node, joined([first, b"nonsense", second]))
    assert [result["status"] for result in results] == ["pending", "rejected", "pending"]
    assert end["end"]["code"] == "complete"


@pytest.mark.parametrize(
    ("tail", "code", "words"),
    [
        (b"\x92\x01\x02", "malformed", "transaction 1 begins with the byte 92"),
        (b"\xc6\x00\x01\x00\x01", "oversized", "transaction 1 has 65537 bytes, at most 65536"),
        (b"\xc4\x10abc", "malformed", "ends within transaction 1: 5 bytes of it came, all of it wanted"),
    ],
)
async def test_what_cannot_go_on_ends_with_its_reason_after_what_was_good(node: Node, tail: bytes, code: str, words: str) -> None:
    *results, end = await post(node, joined(transfers(node.reads, 1)) + tail)
    assert [result["status"] for result in results] == ["pending"]
    assert (end["end"]["code"], end["end"]["transactions"]) == (code, 1)
    assert words in end["end"]["message"]


async def test_a_bad_stream_ends_although_its_client_goes_on(node: Node) -> None:
    async with talking(node) as talk:
        await talk.stream.send_all(chunk(b"\x92"))
        (end,) = await talk.hear(1)
        assert end["end"]["code"] == "malformed"


async def test_an_endless_stream_holds_one_piece_while_the_node_is_busy(node: Node) -> None:
    """Its client is slowed down: what the node works on and what waits for it stays small, however much is sent."""
    node.inlet.gate = trio.Event()
    chunks, sent = chunk(joined(transfers(node.reads, 1) * 200)), 0
    async with talking(node) as talk:
        with trio.move_on_after(0.5):
            while True:
                await talk.stream.send_all(chunks)
                sent += len(chunks)
        assert 1 << 16 < sent < 16 << 20, "a client that is never slowed down would send for ever"
        assert len(node.inlet.batches) == 1
        assert sum(map(len, node.inlet.batches[0])) <= 1 << 17


async def test_a_client_that_does_not_read_its_answers_is_cut_off(nursery: trio.Nursery) -> None:
    piece = chunk(joined(many_items(500)))
    async with started(nursery, write_timeout_s=0.2) as node, talking(node) as talk:
        with trio.fail_after(10), pytest.raises(trio.BrokenResourceError):
            await _send_for_ever(talk.stream, piece)


async def _send_for_ever(stream: trio.SocketStream, piece: bytes) -> None:
    while True:
        await stream.send_all(piece)


@pytest.mark.parametrize(
    ("begun", "idle_s", "words"),
    [(b"\xc4\x10abc", 10, "transaction 0 did not come whole within 0.1 s"), (b"", 0.2, "no transaction came for 0.2 s")],
)
async def test_a_client_that_says_nothing_gives_its_place_to_others(nursery: trio.Nursery, begun: bytes, idle_s: float, words: str) -> None:
    async with started(nursery, body_timeout_s=0.1, stream_idle_s=idle_s) as node, talking(node) as talk:
        if begun:
            await talk.stream.send_all(chunk(begun))
        (end,) = await talk.hear(1)
        assert (end["end"]["code"], end["end"]["message"]) == ("timeout", words)


async def test_a_drip_of_bytes_does_not_put_off_the_end(nursery: trio.Nursery) -> None:
    async with started(nursery, body_timeout_s=0.2) as node, talking(node) as talk, trio.open_nursery() as dripping:
        dripping.start_soon(_drip, talk.stream, b"\xc5\xff\xff" + bytes(1_000))
        with trio.fail_after(10):
            (end,) = await talk.hear(1)
        assert end["end"]["code"] == "timeout"
        dripping.cancel_scope.cancel()


async def _drip(stream: trio.SocketStream, data: bytes) -> None:
    for byte in data:
        await stream.send_all(chunk(bytes([byte])))
        await trio.sleep(0.02)  # the slowness is what is tested


async def test_nobody_is_late_because_the_node_is_slow(nursery: trio.Nursery) -> None:
    first, second = map(encode, many_items(2))
    async with started(nursery, body_timeout_s=0.5) as node, talking(node) as talk:
        node.inlet.gate = trio.Event()
        await talk.stream.send_all(chunk(first + second[:5]))
        await trio.sleep(0.75)  # longer than what the client has for its second transaction
        node.inlet.gate.set()
        await talk.hear(1)
        await talk.stream.send_all(chunk(second[5:]))
        (line,) = await talk.hear(1)
        assert line["status"] == "rejected", "it came whole, and was looked at"


async def test_a_node_that_shuts_down_answers_what_it_took_and_says_so(node: Node) -> None:
    async with talking(node) as talk:
        await talk.say(transfers(node.reads, 1))
        await talk.hear(1)
        node.hub.close()
        (end,) = await talk.hear(1)
    assert end == {"end": {"code": "shutting_down", "message": "the node shuts down", "transactions": 1}}


async def test_a_client_that_leaves_frees_its_place(nursery: trio.Nursery) -> None:
    async with started(nursery, submission_streams_max=1) as node:
        async with talking(node) as talk:
            await talk.say(transfers(node.reads, 1))
            await talk.hear(1)
            refused = await node.client.post(PATH, content=b"", headers=MSGPACK)
            assert (refused.status_code, refused.headers["retry-after"], refused.json()["error"]["code"]) == (503, "10", "busy")
        with trio.fail_after(5):
            while (await node.client.post(PATH, content=b"", headers=MSGPACK)).status_code != 200:
                await trio.lowlevel.checkpoint()
        assert node.logger.events("exception") == []


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_another_media_type_is_refused(node: Node, kind: str) -> None:
    response = await node.client.post(PATH, content=b"", headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_the_client_library_may_send_from_a_generator(node: Node) -> None:
    items = transfers(node.reads, 5)

    async def body() -> AsyncIterator[bytes]:
        for item in items:
            yield encode(item)

    response = await node.client.post(PATH, content=body(), headers=MSGPACK)
    assert [line.get("status") for line in lines_of(response)] == [*["pending"] * 5, None]


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 2_000), max_size=10))
def test_pieces_may_be_cut_anywhere(items: list[bytes], cuts: list[int]) -> None:
    whole, found, at, strings = joined(items), list[bytes](), 0, ByteStrings()
    for cut in [*sorted(each for each in cuts if each < len(whole)), len(whole)]:
        got, refusal = strings.feed(whole[at:cut])
        assert refusal is None
        found, at = found + got, cut
    assert (found, strings.unfinished(), strings.count) == (items, None, len(items))


@given(st.binary(max_size=400))
def test_whatever_comes_is_byte_strings_a_refusal_or_unfinished(data: bytes) -> None:
    strings = ByteStrings()
    found, refusal = strings.feed(data)
    assert all(len(item) <= BYTES_CEILING for item in found)
    assert refusal is not None or strings.is_within == (strings.unfinished() is not None)
