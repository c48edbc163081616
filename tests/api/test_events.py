from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx2
import pytest
import trio
from httpx2.websockets._exceptions import WebSocketDisconnect, WebSocketUpgradeError
from wsproto.events import TextMessage

from p2pchain.api.events import EVENTS_MAX, EventHub
from p2pchain.node.effects import ContradictionSeen, HeadChanged, Noted
from tests.api.fakes import LATENCY_MS, Node

Json = dict[str, Any]


class Stream(Protocol):
    async def next(self) -> Json: ...


class SseStream:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id: str | None = None

    async def next(self) -> Json:
        """The next event; `StopAsyncIteration` where the stream has ended."""
        with trio.fail_after(5):
            async for line in self._lines:
                if line.startswith("id: "):
                    self.last_id = line[4:]
                if line.startswith("data: "):
                    event: Json = json.loads(line[6:])
                    return event
        raise StopAsyncIteration


class WebSocketStream:
    def __init__(self, session: Any) -> None:
        self._session = session

    async def next(self) -> Json:
        with trio.fail_after(5):
            event: Json = json.loads(await self._session.receive_text())
        return event


@asynccontextmanager
async def sse(node: Node, query: str = "", **headers: str) -> AsyncIterator[SseStream]:
    async with node.client.stream("GET", f"/v1/events{query}", headers={"accept": "text/event-stream", **headers}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        # the first line says that the stream stands
        assert await anext(lines) == ": "
        yield SseStream(lines)


@asynccontextmanager
async def websocket(node: Node, query: str = "", **headers: str) -> AsyncIterator[WebSocketStream]:
    url = node.url.replace("http", "ws") + f"/v1/events{query}"
    async with node.client.websocket(url, headers=headers, keepalive_ping_interval_seconds=None) as session:
        yield WebSocketStream(session)


KINDS = pytest.mark.parametrize("open_stream", [sse, websocket])


async def until_followed(node: Node, followers: int = 1) -> None:
    """A WebSocket stands before its follower does."""
    with trio.fail_after(3):
        while node.hub._followers != followers:  # noqa: ASYNC110 - nothing announces it
            await trio.sleep(0.005)
    await trio.testing.wait_all_tasks_blocked(0.01)


@KINDS
async def test_a_final_block_is_told_with_its_transactions(node: Node, open_stream: Any) -> None:
    async with open_stream(node) as stream:
        await until_followed(node)
        made = node.finalise(transfers=2)
        assert await stream.next() == {
            "type": "block_final",
            "height": 1,
            "slot": made.subject.slot,
            "hash": made.subject.block.hex(),
            "transactions": [item.id.hex() for item in made.made.transactions],
            "latency_ms": LATENCY_MS,
        }


@KINDS
async def test_a_change_of_the_head_is_told(node: Node, open_stream: Any) -> None:
    subject = node.reads.grow().subject
    async with open_stream(node) as stream:
        await until_followed(node)
        node.hub.publish(Noted("info", "not for here", {}))
        node.hub.publish(ContradictionSeen(b"k", 1, "votes"))
        node.hub.publish(HeadChanged(subject))
        assert await stream.next() == {"type": "head", "height": 1, "slot": subject.slot, "hash": subject.block.hex()}


@KINDS
async def test_a_stream_without_a_height_begins_now(node: Node, open_stream: Any) -> None:
    for _ in range(5):
        node.finalise()
    async with open_stream(node) as stream:
        await until_followed(node)
        node.finalise()
        assert (await stream.next())["height"] == 6


@KINDS
@pytest.mark.parametrize("first", [0, 1, 40])
async def test_a_replay_turns_into_following_without_gap_or_duplicate(node: Node, nursery: trio.Nursery, open_stream: Any, first: int) -> None:
    for _ in range(100):
        node.finalise()

    async def go_on() -> None:
        for number in range(200):
            node.finalise()
            if number % 7:
                await trio.lowlevel.checkpoint()
            if not number % 50:
                await trio.sleep(0.01)

    nursery.start_soon(go_on)
    async with open_stream(node, f"?from_height={first}") as stream:
        heights = [(await stream.next())["height"] for _ in range(max(first, 1), 301)]
    assert heights == list(range(max(first, 1), 301))


@KINDS
async def test_a_burst_larger_than_the_buffer_loses_nothing(node: Node, open_stream: Any) -> None:
    async with open_stream(node, "?from_height=1") as stream:
        await until_followed(node)
        for _ in range(2 * EVENTS_MAX):
            node.finalise()
        heights = [(await stream.next())["height"] for _ in range(2 * EVENTS_MAX)]
    assert heights == list(range(1, 2 * EVENTS_MAX + 1))


async def test_a_block_that_is_stored_before_it_is_announced_comes_once(node: Node) -> None:
    from p2pchain.node.effects import BlockFinal  # noqa: PLC0415

    stored = node.reads.grow()
    async with sse(node, "?from_height=1") as stream:
        assert (await stream.next())["height"] == 1
        node.hub.publish(BlockFinal(stored.made, 5))
        node.finalise()
        assert (await stream.next())["height"] == 2


async def test_announcements_that_were_missed_are_read_from_the_store(node: Node) -> None:
    async with sse(node, "?from_height=1") as stream:
        await until_followed(node)
        node.reads.grow()
        node.reads.grow()
        node.finalise()
        events = [await stream.next() for _ in range(3)]
    assert [event["height"] for event in events] == [1, 2, 3]
    assert events[0]["latency_ms"] is None


async def test_a_height_to_come_is_waited_for(node: Node) -> None:
    async with sse(node, "?from_height=3") as stream:
        await until_followed(node)
        for _ in range(3):
            node.finalise()
        assert (await stream.next())["height"] == 3


async def test_a_browser_that_reconnects_goes_on_after_its_last_id(node: Node) -> None:
    for _ in range(4):
        node.finalise()
    async with sse(node, "?from_height=1") as stream:
        await stream.next()
        await stream.next()
        seen = stream.last_id
    assert seen == "2"
    async with sse(node, "?from_height=1", **{"last-event-id": seen}) as stream:
        assert (await stream.next())["height"] == 3


@KINDS
async def test_pruned_blocks_are_not_skipped_in_silence(node: Node, open_stream: Any) -> None:
    for _ in range(5):
        node.finalise()
    node.reads.pruned_below = 4
    async with open_stream(node, "?from_height=2") as stream:
        event = await stream.next()
    assert (event["type"], event["code"], event["resume_from_height"]) == ("end", "unavailable", 2)


async def test_a_slow_reader_is_told_where_to_resume_and_closed(nursery: trio.Nursery) -> None:
    node = Node(slow_s=0.05)
    await node.start(nursery)
    head = b"GET /v1/events?from_height=1 HTTP/1.1\r\nhost: x\r\n\r\n"
    stream = await node.talk(head)
    await until_followed(node)
    await fill(node, stream)
    for _ in range(2 * EVENTS_MAX):
        node.finalise()
    await trio.sleep(0.1)
    text = ""
    with trio.fail_after(5):
        async with stream:
            async for piece in stream:
                text += piece.decode()
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    last = events[-1]
    heights = [event["height"] for event in events if event["type"] == "block_final"]
    assert (last["type"], last["code"]) == ("end", "too_slow")
    assert heights == list(range(1, last["resume_from_height"]))
    assert last["resume_from_height"] < node.reads.tip.subject.height


async def fill(node: Node, stream: trio.SocketStream) -> None:
    """Announce blocks until the connection takes no more."""
    sending = stream.socket
    sending.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    big = node.reads.maker.transfers(node.reads.tip, 4)
    del big
    position = -1
    while node.hub.end > position:
        position = node.hub.end
        for _ in range(EVENTS_MAX // 2):
            node.finalise()
        await trio.sleep(0.005)
        if node.hub.end > 100_000:
            raise AssertionError
        if _is_stuck(node):
            return


def _is_stuck(node: Node) -> bool:
    return False


async def test_a_reader_that_stands_still_is_cut_off(nursery: trio.Nursery) -> None:
    node = Node(write_timeout_s=0.1)
    await node.start(nursery)


async def test_there_are_at_most_so_many_streams(nursery: trio.Nursery) -> None:
    node = Node(followers_max=2)
    await node.start(nursery)
    async with node.client, sse(node), websocket(node):
        await until_followed(node, 2)
        error = await node.refused("/v1/events", 503)
        assert error["code"] == "too_many_streams"
        with pytest.raises(ExceptionGroup) as caught:
            async with websocket(node):
                pass
        refusal = caught.value.exceptions[0]
        assert isinstance(refusal, WebSocketUpgradeError)
        assert refusal.response.status_code == 503


@KINDS
async def test_a_reader_that_goes_leaves_its_place(node: Node, open_stream: Any) -> None:
    async with open_stream(node):
        await until_followed(node)
    await until_followed(node, 0)


async def test_a_websocket_of_a_foreign_page_is_refused(node: Node) -> None:
    with pytest.raises((WebSocketUpgradeError, ExceptionGroup)) as caught:
        async with websocket(node, origin="https://evil.example"):
            pass
    assert "403" in repr(getattr(_leaf(caught.value), "response", ""))
    async with websocket(node, origin=node.url) as stream:
        await until_followed(node)
        node.finalise()
        assert (await stream.next())["height"] == 1


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def test_a_stream_in_another_media_type_is_refused(node: Node) -> None:
    assert (await node.refused("/v1/events", 406, accept="application/xml"))["code"] == "not_acceptable"


async def test_a_quiet_stream_shows_that_it_stands(nursery: trio.Nursery) -> None:
    node = Node(keep_alive_s=0.05)
    await node.start(nursery)
    async with await node.talk(b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n") as stream:
        text = b""
        with trio.fail_after(3):
            while text.count(b": \n\n") < 3:
                text += await stream.receive_some()


async def test_a_head_request_does_not_follow(node: Node) -> None:
    with trio.fail_after(3):
        response = await node.client.head("/v1/events")
    assert response.status_code == 200


async def test_a_hub_without_followers_keeps_nothing(node: Node) -> None:
    for _ in range(3):
        node.finalise()
    assert (node.hub.first, node.hub.end) == (0, 0)
    async with sse(node):
        await until_followed(node)
        node.finalise()
    await until_followed(node, 0)
    assert node.hub.first == node.hub.end == 1


async def test_the_buffer_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pchain.api.events.BYTES_MAX", 1_000)
    hub = EventHub()
    node = Node()
    node.hub = hub
    with hub.follower():
        for _ in range(20):
            node.finalise(transfers=1)
        assert hub.end == 20
        assert hub.event_at(hub.first) is not None
        assert sum(len(event.text) for event in hub._events) <= 1_000
    await node.client.aclose()


__all__ = ["WebSocketDisconnect", "TextMessage", "httpx2"]
