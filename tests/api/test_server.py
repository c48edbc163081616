from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from p2pchain.api.server import ListenError
from tests.api.fakes import Node
from tests.api.test_events import announce_to_someone_who_does_not_read, sse, until_followed, websocket
from tests.api.test_submission_stream import talking

STREAM_REQUEST = b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n"


async def run_until(node: Node, stop: trio.Event, ended: list[float]) -> None:
    async with trio.open_nursery() as nursery:
        await node.start(nursery)
        await stop.wait()
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    ended.append(trio.current_time() - began)


async def test_port_zero_takes_a_free_port_and_says_which(node: Node) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", node.url)
    assert await node.get("/livez") == {"alive": True}


async def test_a_port_in_use_is_one_line_for_the_operator(node: Node) -> None:
    second = Node()
    second.server._settings = second.settings.__class__(port=node.port)
    with pytest.raises(ListenError, match=rf"^the API cannot listen on 127\.0\.0\.1:{node.port}: another process listens there already$"):
        await second.server.run()
    await second.client.aclose()


async def test_a_name_that_does_not_resolve_is_one_line_for_the_operator() -> None:
    node = Node(host="256.256.256.256")
    with pytest.raises(ListenError, match="cannot listen on 256"):
        await node.server.run()
    await node.client.aclose()


async def test_localhost_listens_on_one_port(nursery: trio.Nursery) -> None:
    node = Node(host="localhost")
    await node.start(nursery)
    async with node.client:
        await node.get("/livez")


@pytest.mark.parametrize("kind", ["nothing", "idle", "sse", "websocket", "transactions", "in the middle of a request"])
async def test_the_end_comes_within_two_seconds(nursery: trio.Nursery, kind: str) -> None:
    node, stop, ended = Node(), trio.Event(), list[float]()
    nursery.start_soon(run_until, node, stop, ended)
    await trio.testing.wait_all_tasks_blocked()
    async with node.client:
        match kind:
            case "nothing":
                pass
            case "idle":
                await node.get("/livez")
            case "sse":
                nursery.start_soon(hold, sse, node)
            case "websocket":
                nursery.start_soon(hold, websocket, node)
            case "transactions":
                nursery.start_soon(hold_transactions, node)
            case _:
                nursery.start_soon(send_half_a_request, node)
        await trio.testing.wait_all_tasks_blocked(0.02)
        stop.set()
        with trio.fail_after(2):
            while not ended:  # noqa: ASYNC110 - the nursery of the test lives on
                await trio.sleep(0.01)
    assert node.server._connections._open == 0


async def send_half_a_request(node: Node) -> None:
    head = b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\ncontent-length: 100\r\n\r\nhalf"
    async with await node.talk(head) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.receive_some()


async def hold_transactions(node: Node) -> None:
    async with talking(node) as talk:
        (end,) = await talk.hear(1)
        assert end["end"]["code"] == "shutting_down"


async def hold(open_stream: object, node: Node) -> None:
    """Listen until the node says goodbye."""
    assert callable(open_stream)
    async with open_stream(node) as stream:
        event = await stream.next()
        assert (event["type"], event["code"]) == ("end", "shutting_down")


async def test_a_client_that_reads_nothing_does_not_delay_the_end(nursery: trio.Nursery) -> None:
    node, stop, ended = Node(), trio.Event(), list[float]()
    nursery.start_soon(run_until, node, stop, ended)
    await trio.testing.wait_all_tasks_blocked()
    stream = await node.talk(STREAM_REQUEST)
    await until_followed(node)
    await announce_to_someone_who_does_not_read(node)
    stop.set()
    with trio.fail_after(2):
        while not ended:  # noqa: ASYNC110 - the nursery of the test lives on
            await trio.sleep(0.01)
    await trio.aclose_forcefully(stream)
    await node.client.aclose()


async def test_an_answer_on_its_way_arrives_although_the_end_has_come(nursery: trio.Nursery) -> None:
    node, stop, ended = Node(), trio.Event(), list[float]()
    nursery.start_soon(run_until, node, stop, ended)
    await trio.testing.wait_all_tasks_blocked()
    node.inlet.gate = trio.Event()
    body = b"\x91\xc4\x01a"
    head = b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\ncontent-length: 4\r\n\r\n"
    async with await node.talk(head + body) as stream:
        with trio.fail_after(2):
            while not node.inlet.batches:  # noqa: ASYNC110 - the fake announces nothing
                await trio.sleep(0.01)
            stop.set()
            await trio.testing.wait_all_tasks_blocked(0.02)
            node.inlet.gate.set()
            answer = b"".join([piece async for piece in stream])
    assert answer.startswith(b"HTTP/1.1 202")
    await node.client.aclose()


UPGRADE = b"HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
KEY = b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
GARBAGE = {
    "noise": b"\x00\xff" * 100,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "header outside of ASCII": b"GET /v1/events " + UPGRADE + b"connection: upgrade, \xff\r\n\r\n",
    "upgrade without a key": b"GET /v1/events " + UPGRADE + b"connection: upgrade\r\n\r\n",
    "extension outside of ASCII": b"GET /v1/events " + UPGRADE + KEY + b"sec-websocket-extensions: \xff;;=\r\n\r\n",
    "WebSocket nowhere": b"GET /v1/nothing " + UPGRADE + KEY + b"\r\n",
    "noise for frames": b"GET /v1/events " + UPGRADE + KEY + b"\r\n" + b"\xff" * 50,
    "negative length": b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    "noise for chunks": b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/2 and noise": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
    "HTTP/2 by upgrade": b"GET /v1/status HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nhttp2-settings: !!\r\nconnection: upgrade\r\n\r\n",
    "endless path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_nothing_that_a_client_says_ends_the_server(node: Node, garbage: bytes) -> None:
    async with await node.talk(garbage) as stream:
        with trio.move_on_after(0.1):
            await stream.receive_some()
    assert await node.get("/livez") == {"alive": True}


async def test_connections_beyond_the_limit_are_closed_at_once(nursery: trio.Nursery) -> None:
    node = Node(connections_max=2)
    await node.start(nursery)
    first, second = await node.talk(STREAM_REQUEST), await node.talk(STREAM_REQUEST)
    await until_followed(node, 2)
    third = await trio.open_tcp_stream("127.0.0.1", node.port)
    with trio.fail_after(2):
        assert await third.receive_some() == b""
    assert "connection refused: too many" in node.logger.events("warning")
    for stream in (first, second, third):
        await stream.aclose()
    await until_all_gone(node)
    async with node.client:
        await node.get("/livez")


async def until_all_gone(node: Node) -> None:
    with trio.fail_after(2):
        while node.server._connections._open:  # noqa: ASYNC110 - nothing announces that a connection has gone
            await trio.sleep(0.01)


@pytest.mark.parametrize("open_stream", [sse, websocket])
async def test_a_client_that_hangs_up_leaves_nothing_behind(node: Node, open_stream: Any) -> None:
    async with open_stream(node):
        await until_followed(node)
    await until_all_gone(node)
    await node.get("/livez")
    await node.client.aclose()
    await until_all_gone(node)


async def test_a_client_that_says_nothing_more_still_gets_its_answer(node: Node) -> None:
    async with await node.talk(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n") as stream:
        await stream.send_eof()
        with trio.fail_after(2):
            answer = b"".join([piece async for piece in stream])
    assert answer.startswith(b"HTTP/1.1 200")
