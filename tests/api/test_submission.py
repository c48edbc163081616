from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import msgpack
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.api.errors import ApiError
from p2pchain.api.submission import ITEMS_MAX, split_body, split_msgpack
from p2pchain.chain.codec import encode
from p2pchain.chain.transaction import decode_transaction
from tests.api.fakes import Node, json_body, many_items, transfers

MSGPACK = {"content-type": "application/msgpack"}
JSON = {"content-type": "application/json"}


def ids_of(node: Node, items: list[bytes]) -> list[str]:
    return [decode_transaction(raw, node.reads.maker.spec).id.hex() for raw in items]


async def test_one_transaction_is_accepted_as_its_own_bytes(node: Node) -> None:
    items = transfers(node.reads, 1)
    response = await node.client.post("/v1/transactions", content=items[0], headers=MSGPACK)
    assert response.status_code == 202
    assert response.json() == {"results": [{"id": ids_of(node, items)[0], "status": "pending", "error": None}]}
    assert node.inlet.batches == [items]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 40])
async def test_an_array_of_transactions_is_accepted_in_order(node: Node, number: int) -> None:
    items = transfers(node.reads, number)
    response = await node.client.post("/v1/transactions", content=encode(items), headers=MSGPACK)
    assert response.status_code == 202
    assert [result["id"] for result in response.json()["results"]] == ids_of(node, items)


async def test_hex_in_json_is_accepted_in_order(node: Node) -> None:
    items = transfers(node.reads, 5)
    response = await node.client.post(
        "/v1/transactions", content=json_body(items), headers={"content-type": "Application/JSON; charset=utf-8"}
    )
    assert [result["id"] for result in response.json()["results"]] == ids_of(node, items)


async def test_where_nothing_gets_in_the_client_is_told_to_slow_down_and_what_would_get_in(node: Node) -> None:
    node.inlet.room = 1
    body = encode(transfers(node.reads, 3))
    partly = await node.client.post("/v1/transactions", content=body, headers=MSGPACK)
    assert partly.status_code == 202
    assert [result["status"] for result in partly.json()["results"]] == ["pending", "rejected", "rejected"]
    refused = await node.client.post("/v1/transactions", content=body, headers=MSGPACK)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"] == {"code": "pool_full", "message": "mempool is full", "refused": 3, "wanted": 7}


async def test_a_bad_item_harms_no_neighbour(node: Node) -> None:
    good = transfers(node.reads, 2)
    body = {"transactions": [good[0].hex(), "zz", 5, "ab cd", "abcd", good[1].hex()]}
    response = await node.client.post("/v1/transactions", content=json.dumps(body), headers=JSON)
    assert response.status_code == 202
    results = response.json()["results"]
    assert [result["status"] for result in results] == ["pending", "rejected", "rejected", "rejected", "rejected", "pending"]
    assert [results[0]["id"], results[5]["id"]] == ids_of(node, good)
    assert results[1]["error"] == {"code": "malformed", "message": "item 1 is not hex"}
    assert results[4]["error"]["found"] == "01"
    assert results[4]["error"]["wanted"] == 2


async def test_a_bad_item_in_msgpack_harms_no_neighbour(node: Node) -> None:
    good = transfers(node.reads, 2)
    response = await node.client.post(
        "/v1/transactions", content=msgpack.packb([good[0], 7, "text", [[]], {}, None, good[1]]), headers=MSGPACK
    )
    assert [result["status"] for result in response.json()["results"]] == ["pending", *["rejected"] * 5, "pending"]
    assert node.inlet.batches == [good]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", MSGPACK),
        (b"\x05", MSGPACK),
        (b"\x92\xc4\x01a", MSGPACK),
        (b"\x91\xc4\x05a", MSGPACK),
        (b"\x91\xc4\x01a\x00", MSGPACK),
        (b"\x80", MSGPACK),
        (b"\xc1", MSGPACK),
        (b"\x91" * 5_000, MSGPACK),
        (b"", JSON),
        (b"[]", JSON),
        (b"{}", JSON),
        (b'{"transactions": "ab"}', JSON),
        (b'{"transactions": [], "more": 1}', JSON),
        (b'{"transactions": [', JSON),
        (b"\xff\xfe", JSON),
        (b"[" * 200_000, JSON),
        (b'{"transactions": ' + b"9" * 5_000 + b"}", JSON),
    ],
)
async def test_a_malformed_body_is_refused_as_a_whole(node: Node, body: bytes, headers: dict[str, str]) -> None:
    response = await node.client.post("/v1/transactions", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "malformed"
    assert node.inlet.batches == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", ""])
async def test_an_unknown_content_type_is_refused(node: Node, content_type: str) -> None:
    response = await node.client.post("/v1/transactions", content=b"x", headers={"content-type": content_type} if content_type else {})
    assert response.status_code == 415
    assert response.json()["error"]["found"] == content_type


async def test_ten_thousand_items_are_answered_and_one_more_is_refused(node: Node) -> None:
    response = await node.client.post("/v1/transactions", content=encode(many_items(ITEMS_MAX)), headers=MSGPACK)
    assert response.status_code == 202
    assert len(response.json()["results"]) == ITEMS_MAX
    for body, headers in ((encode([b"x"] * (ITEMS_MAX + 1)), MSGPACK), (json_body([b"x"] * (ITEMS_MAX + 1)), JSON)):
        response = await node.client.post("/v1/transactions", content=body, headers=headers)
        assert response.status_code == 413
        assert (response.json()["error"]["found"], response.json()["error"]["wanted"]) == (ITEMS_MAX + 1, ITEMS_MAX)


async def test_an_oversized_body_is_refused_whether_announced_or_not(node: Node) -> None:
    body = bytes(node.settings.body_bytes_max + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    for content in (body, pieces()):
        response = await node.client.post("/v1/transactions", content=content, headers=MSGPACK)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "oversized"
    await node.get("/v1/status")


async def test_a_body_that_nobody_wants_does_not_hold_the_connection(node: Node) -> None:
    response = await node.client.post("/v1/nothing", content=bytes(3 << 20))
    assert response.status_code == 404
    response = await node.client.request("GET", "/v1/status", content=bytes(3 << 20))
    assert response.status_code == 200
    with trio.fail_after(3):
        await node.client.aclose()
        while node.server._connections._open:  # noqa: ASYNC110 - nothing announces that a connection has gone
            await trio.sleep(0.01)


async def test_a_body_that_does_not_come_is_given_up(nursery: trio.Nursery) -> None:
    node = Node(body_timeout_s=0.2)
    await node.start(nursery)
    head = b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\ncontent-length: 100\r\n\r\nabc"
    async with await node.talk(head) as stream:
        with trio.fail_after(3):
            answer = b"".join([piece async for piece in stream])
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"timeout"' in answer


async def test_a_client_that_leaves_in_the_middle_frees_its_place(nursery: trio.Nursery) -> None:
    node = Node(submissions_max=1)
    await node.start(nursery)
    head = b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\ncontent-length: 100\r\n\r\nabc"
    stream = await node.talk(head)
    await trio.aclose_forcefully(stream)
    async with node.client as client:
        with trio.fail_after(3):
            response = await client.post("/v1/transactions", content=transfers(node.reads, 1)[0], headers=MSGPACK)
    assert response.status_code == 202
    assert node.logger.events("exception") == []


async def test_at_most_four_bodies_are_processed_at_once_and_the_queue_is_bounded(nursery: trio.Nursery) -> None:
    node = Node(submissions_waiting_max=3)
    await node.start(nursery)
    node.inlet.gate = trio.Event()
    (item,) = transfers(node.reads, 1)
    statuses: list[int] = []

    async def submit() -> None:
        response = await node.client.post("/v1/transactions", content=item, headers=MSGPACK)
        statuses.append(response.status_code)
        if response.status_code == 503:
            assert response.headers["retry-after"] == "1"
            assert response.json()["error"]["code"] == "busy"

    async with node.client, trio.open_nursery() as submitters:
        for _ in range(9):
            submitters.start_soon(submit)
        with trio.fail_after(3):
            while len(statuses) < 2:  # noqa: ASYNC110 - the two that find no place are the only ones that end
                await trio.sleep(0.01)
        assert statuses == [503, 503]
        assert len(node.inlet.batches) == 4
        node.inlet.gate.set()
    assert sorted(statuses) == [202] * 7 + [503] * 2


def test_splitting_ten_thousand_items_is_quick() -> None:
    items = many_items(ITEMS_MAX)
    for body, content_type in ((encode(items), "application/msgpack"), (json_body(items).encode(), "application/json")):
        began = time.perf_counter()
        assert split_body(body, content_type) == items
        assert time.perf_counter() - began < 0.25, "tens of milliseconds are wanted, even on a busy machine"


def test_two_transactions_are_never_taken_for_one() -> None:
    single, pair = [b"\x97body", bytes(64)], [b"\x92\xc4\x01a\xc4\x01b", bytes(64)]
    assert split_msgpack(encode(single)) == [encode(single)]
    assert split_msgpack(encode(pair)) == pair
    assert split_msgpack(encode([b"\x97body", bytes(63)])) == [b"\x97body", bytes(63)]


@given(st.binary(max_size=200))
def test_any_bytes_are_split_or_refused(body: bytes) -> None:
    refused: list[int] = []
    for content_type in ("application/msgpack", "application/json"):
        try:
            split_body(body, content_type)
        except ApiError as error:
            refused.append(error.status)
    assert set(refused) <= {400, 413}
