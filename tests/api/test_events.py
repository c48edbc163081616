from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import h11
import pytest
import trio
import trio.testing
from httpx2.websockets._exceptions import WebSocketUpgradeError

from p2pchain.api.context import Context
from p2pchain.api.events import EVENTS_MAX, Event, EventHub
from p2pchain.api.following import Follower
from p2pchain.api.settings import ApiSettings
from p2pchain.api.submission import Admission
from p2pchain.api.views import Addresses
from p2pchain.chain.evidence import Offence, Said
from p2pchain.chain.types import Height, PublicKey, Slot
from p2pchain.node.effects import BlockFinal, ContradictionSeen, HeadChanged, Noted
from tests.api.fakes import LATENCY_MS, Node

Json = dict[str, Any]


class SseStream:
    """Server-sent events over h11: the client library leaves its nested generators to the garbage collector."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._connection = h11.Connection(h11.CLIENT)
        self._text = b""
        self.last_id: str | None = None
        self.is_complete = False

    async def open(self, query: str, headers: dict[str, str]) -> None:
        wanted = {"host": "x", "accept": "text/event-stream"} | headers
        request = h11.Request(method="GET", target=f"/v1/events{query}", headers=list(wanted.items()))
        await self._stream.send_all(self._connection.send(request) or b"")
        response = await self._event()
        assert isinstance(response, h11.Response)
        assert response.status_code == 200
        assert dict(response.headers)[b"content-type"].startswith(b"text/event-stream")
        # the first line says that the stream stands
        assert await self._line() == ": "

    async def next(self) -> Json:
        """The next event; `StopAsyncIteration` where the stream has ended."""
        with trio.fail_after(5):
            while True:
                line = await self._line()
                if line.startswith("id: "):
                    self.last_id = line[4:]
                if line.startswith("data: "):
                    event: Json = json.loads(line[6:])
                    return event

    async def rest(self) -> list[Json]:
        """All events until the stream ends."""
        events: list[Json] = []
        with suppress(StopAsyncIteration):
            while True:
                events.append(await self.next())
        return events

    async def _line(self) -> str:
        while b"\n" not in self._text:
            event = await self._event()
            if not isinstance(event, h11.Data):
                self.is_complete = isinstance(event, h11.EndOfMessage)
                raise StopAsyncIteration
            self._text += event.data
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    async def _event(self) -> object:
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            self._connection.receive_data(await self._stream.receive_some())
        return event


class WebSocketStream:
    def __init__(self, session: Any) -> None:
        self._session = session

    async def next(self) -> Json:
        with trio.fail_after(5):
            event: Json = json.loads(await self._session.receive_text())
        return event


@asynccontextmanager
async def sse(node: Node, query: str = "", **headers: str) -> AsyncIterator[SseStream]:
    async with await trio.open_tcp_stream("127.0.0.1", node.port) as connected:
        stream = SseStream(connected)
        await stream.open(query, headers)
        yield stream


@asynccontextmanager
async def websocket(node: Node, query: str = "", **headers: str) -> AsyncIterator[WebSocketStream]:
    url = node.url.replace("http", "ws") + f"/v1/events{query}"
    async with node.client.websocket(url, headers=headers, keepalive_ping_interval_seconds=None) as session:
        yield WebSocketStream(session)


KINDS = pytest.mark.parametrize("open_stream", [sse, websocket])


async def until_followed(node: Node, followers: int = 1, within_s: float = 3) -> None:
    """A WebSocket stands before its follower does."""
    with trio.fail_after(within_s):
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
            "failed": [],
            "latency_ms": LATENCY_MS,
        }


@KINDS
async def test_a_change_of_the_head_is_told(node: Node, open_stream: Any) -> None:
    subject = node.reads.grow().subject
    async with open_stream(node) as stream:
        await until_followed(node)
        node.hub.publish(Noted("info", "not for here", {}))
        node.hub.publish(ContradictionSeen(Offence(PublicKey(b"k"), Said.VOTE, Slot(1)), b"1", b"2"))
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
async def test_a_replay_turns_into_following_without_gap_or_duplicate(
    node: Node, nursery: trio.Nursery, open_stream: Any, first: int
) -> None:
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
        await trio.testing.wait_all_tasks_blocked(0.01)
        node.hub.publish(HeadChanged(node.reads.tip.subject))
        assert (await stream.next())["type"] == "head"


async def test_a_block_that_is_stored_before_it_is_announced_comes_once(node: Node) -> None:
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
    assert (event["type"], event["code"], event["resume_from_height"]) == ("end", "pruned", 4)


def large_blocks(node: Node, number: int) -> Iterator[BlockFinal]:
    """Announcements of 340 KB each; the store does not know the blocks."""
    made = node.reads.maker.extend(node.reads.maker.root, transfers=1).made
    for height in range(1, number + 1):
        header = made.header._replace(height=Height(height))
        yield BlockFinal(made._replace(header=header, transactions=made.transactions * 5_000), 1)


async def announce_to_someone_who_does_not_read(node: Node) -> None:
    for final in large_blocks(node, 200):
        node.hub.publish(final)
        await trio.sleep(0.001)


async def test_a_slow_reader_is_told_where_to_resume_and_closed(nursery: trio.Nursery) -> None:
    node = Node(slow_s=0.05)
    await node.start(nursery)
    async with sse(node, "?from_height=1") as stream:
        await until_followed(node)
        await announce_to_someone_who_does_not_read(node)
        events = await stream.rest()
    heights = [event["height"] for event in events[:-1]]
    assert (events[-1]["type"], events[-1]["code"]) == ("end", "too_slow")
    assert heights == list(range(1, events[-1]["resume_from_height"]))
    assert len(heights) < 200
    assert stream.is_complete


async def test_a_reader_that_stands_still_is_cut_off(nursery: trio.Nursery) -> None:
    node = Node(write_timeout_s=0.2)
    await node.start(nursery)
    async with sse(node, "?from_height=1"):
        await until_followed(node)
        await announce_to_someone_who_does_not_read(node)
        # 0.2 s, and a second for each 64 KiB
        await until_followed(node, 0, within_s=8)
        await trio.sleep(0.5)
    assert node.server._connections._open == 0


async def test_how_slow_is_too_slow(node: Node) -> None:
    """What the sockets above show, step by step."""
    release, delivered = trio.Event(), []

    class Sink:
        async def deliver(self, event: Event) -> None:
            delivered.append(event.height)
            await release.wait()

        async def keep_alive(self) -> None:
            raise AssertionError

    ends: list[Event] = []

    async def follow() -> None:
        with node.hub.follower():
            ends.append(await Follower(make_context(node, slow_s=0.1), None, Sink()).run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked(0.01)
        for _ in range(EVENTS_MAX + 2):
            node.finalise()
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(0.11)
        release.set()
    assert delivered == [1]
    assert json.loads(ends[0].text)["resume_from_height"] == 2


def make_context(node: Node, **settings: Any) -> Context:
    reads, addresses = node.reads, Addresses("p2p")
    chosen = ApiSettings(**settings)
    spec = reads.genesis.spec()
    return Context(chosen, reads, node.inlet, node.hub, reads.genesis, spec, lambda: 0, node.logger, addresses, Admission(chosen))


async def test_there_are_at_most_so_many_streams(nursery: trio.Nursery) -> None:
    node = Node(followers_max=2)
    await node.start(nursery)
    async with node.client, sse(node), websocket(node):
        await until_followed(node, 2)
        error = await node.refused("/v1/events", 503)
        assert error["code"] == "too_many_streams"
        with pytest.raises(WebSocketUpgradeError) as caught:
            async with websocket(node):
                pass
        assert caught.value.response.status_code == 503


@KINDS
async def test_a_reader_that_goes_leaves_its_place(node: Node, open_stream: Any) -> None:
    async with open_stream(node):
        await until_followed(node)
    await until_followed(node, 0)


async def test_a_websocket_of_a_foreign_page_is_refused(node: Node) -> None:
    with pytest.raises(WebSocketUpgradeError) as caught:
        async with websocket(node, origin="https://evil.example"):
            pass
    assert caught.value.response.status_code == 403
    async with websocket(node, origin=node.url) as stream:
        await until_followed(node)
        node.finalise()
        assert (await stream.next())["height"] == 1


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
