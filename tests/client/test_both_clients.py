"""What both clients do, on each of the loops that there are."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing

import anyio
import pytest

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import encode_address
from p2pchain.chain.types import AccountId
from p2pchain.client import AsyncNodeClient, NodeClient, NodeError, NodeUnreachableError, NotInTimeError, event_reading
from p2pchain.client.answers import Json
from tests.fakes.http_node import FakeNode, genesis_answer, terms_answer
from tests.fakes.world import signer

ID = "ab" * 32
LOOPS = ("trio", "asyncio")
Ask = Callable[[AsyncNodeClient], Awaitable[object]]


def asked(node: FakeNode, loop: str, ask: Ask) -> object:
    async def run() -> object:
        async with AsyncNodeClient(node.url, timeout_s=5) as client:
            return await ask(client)

    return anyio.run(run, backend=loop)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reading, "PAUSES_S", (0.0,))


def test_both_clients_have_the_same_calls() -> None:
    def surface(kind: type) -> dict[str, list[str]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(each).parameters) for name, each in found if not name.startswith("_")}

    assert surface(NodeClient) == surface(AsyncNodeClient)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_a_refusal_and_silence_are_those_of_the_sync_client(node: FakeNode, loop: str) -> None:
    node.answers("/v1/status", {"slot": 7})
    assert asked(node, loop, lambda client: client.status()) == {"slot": 7}
    node.answers("/v1/accounts/x", {"error": {"code": "bad_address", "message": "none", "found": "x"}}, status=400)
    with pytest.raises(NodeError) as caught:
        asked(node, loop, lambda client: client.account("x"))
    assert (caught.value.code, caught.value.evidence, caught.value.http_status) == ("bad_address", {"found": "x"}, 400)
    node.url = "http://127.0.0.1:1"
    with pytest.raises(NodeUnreachableError):
        asked(node, loop, lambda client: client.status())


@pytest.mark.parametrize("loop", LOOPS)
def test_waiting_ends_with_the_status_or_in_time(node: FakeNode, loop: str) -> None:
    unknown = {"error": {"code": "unknown_transaction", "message": "nobody knows it"}}
    node.answers(f"/v1/transactions/{ID}", unknown, status=404)
    node.answers(f"/v1/transactions/{ID}", *({"id": ID, "status": status} for status in ("pending", "included", "final")))
    assert asked(node, loop, lambda client: client.wait_for(ID, "final", 5)) == {"id": ID, "status": "final"}
    node.replace(f"/v1/transactions/{ID}", {"id": ID, "status": "pending"})
    with pytest.raises(NotInTimeError):
        asked(node, loop, lambda client: client.wait_for(ID, "final", 0))


@pytest.mark.parametrize("loop", LOOPS)
def test_tasks_that_send_at_once_never_take_one_nonce_twice(node: FakeNode, loop: str) -> None:
    node.answers("/v1/genesis", genesis_answer())
    node.answers("/v1/params", terms_answer())
    node.answers("/v1/status", {"slot": 3})
    key = signer(3000)
    node.answers(f"/v1/accounts/{encode_address('p2p', AccountId(key.public_key))}", {"next_nonce": 5})
    node.answers("/v1/transactions", {"results": [{"id": ID, "status": "pending", "error": None}] * 2}, status=202)

    async def all_of_them(client: AsyncNodeClient) -> list[int]:
        sender, nonces = client.sender(key), list[int]()

        async def one() -> None:
            nonces.extend(item.nonce for item in await sender.send([[Transfer(key.public_key, 1)]] * 2))

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(one)
        return nonces

    found = asked(node, loop, all_of_them)
    assert isinstance(found, list)
    assert sorted(found) == list(range(5, 17))


# --- events


def stream(*events: Json) -> bytes:
    return b": \n\n" + b"".join(f"id: {event.get('height')}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def final(height: int) -> Json:
    return {"type": "block_final", "height": height}


def heard_by_the_sync_client(node: FakeNode, from_height: int | None, wanted: int) -> list[Json]:
    with NodeClient(node.url) as client:
        events: Iterator[Json] = client.events(from_height)
        with closing(events):  # type: ignore[type-var]
            return [next(events) for _ in range(wanted)]


def heard_on(loop: str) -> Callable[[FakeNode, int | None, int], list[Json]]:
    def hear(node: FakeNode, from_height: int | None, wanted: int) -> list[Json]:
        async def ask(client: AsyncNodeClient) -> list[Json]:
            async with client.events(from_height) as events:
                return [event async for event in _first(events, wanted)]

        found = asked(node, loop, ask)
        assert isinstance(found, list)
        return found

    return hear


async def _first(events: AsyncIterator[Json], wanted: int) -> AsyncIterator[Json]:
    for _ in range(wanted):
        yield await anext(events)


Hear = Callable[[FakeNode, "int | None", int], list[Json]]
hearers = pytest.mark.parametrize("hear", [heard_by_the_sync_client, heard_on("trio"), heard_on("asyncio")], ids=["sync", *LOOPS])


@hearers
def test_every_final_block_comes_once_and_in_order_over_broken_streams(node: FakeNode, hear: Hear) -> None:
    node.answers_raw("/v1/events", stream(final(3), {"type": "head", "height": 9}, final(4)))
    node.answers_raw("/v1/events", b"")
    node.answers_raw("/v1/events", stream(final(4), final(5), {"type": "end", "code": "too_slow", "message": "", "resume_from_height": 6}))
    node.answers_raw("/v1/events", b'{"error": {"code": "too_many_streams", "message": "later"}}', status=503)
    node.answers_raw("/v1/events", stream(final(6), final(7)))
    heard = hear(node, 3, 6)
    assert [(event["type"], event["height"]) for event in heard] == [
        ("block_final", 3),
        ("head", 9),
        *(("block_final", height) for height in (4, 5, 6, 7)),
    ]
    asked_from = [query for path, query in node.queries if path == "/v1/events"]
    assert asked_from == [f"from_height={height}" for height in (3, 5, 5, 6, 6)]


@hearers
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (stream({"type": "end", "code": "unavailable", "message": "pruned", "resume_from_height": 3}), 200, "unavailable"),
        (b'{"error": {"code": "bad_parameter", "message": "no"}}', 400, "bad_parameter"),
        (b"data: {\n\n", 200, "bad_answer"),
        (b"data: [1]\n\n", 200, "bad_answer"),
    ],
)
def test_what_asking_again_does_not_mend_is_raised(node: FakeNode, hear: Hear, content: bytes, status: int, code: str) -> None:
    node.answers_raw("/v1/events", content, status)
    with pytest.raises(NodeError) as caught:
        hear(node, 3, 1)
    assert caught.value.code == code


@hearers
def test_without_a_height_events_begin_now_and_go_on_after_the_last_block(node: FakeNode, hear: Hear) -> None:
    node.answers_raw("/v1/events", stream(final(8)))
    node.answers_raw("/v1/events", stream(final(9)))
    assert [event["height"] for event in hear(node, None, 2)] == [8, 9]
    assert [query for _, query in node.queries] == ["", "from_height=9"]
