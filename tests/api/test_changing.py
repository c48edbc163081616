"""What an operator changes of the API while it serves: which pages may read it, how much it takes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import httpx2
import trio

from p2pchain.api.errors import ApiError
from p2pchain.api.rates import CLIENTS_MAX, Rates
from tests.api.fakes import Node

PAGE = "https://app.example"
ALLOWED = "access-control-allow-origin"


async def ask(node: Node, origin: str = PAGE) -> httpx2.Response:
    return await node.client.get("/v1/status", headers={"origin": origin})


async def test_no_page_of_others_is_allowed_until_its_origin_is_configured_and_again_after(node: Node) -> None:
    assert ALLOWED not in (await ask(node)).headers
    node.server.adopt(replace(node.settings, cors_origins=(PAGE,)))
    assert (await ask(node)).headers[ALLOWED] == PAGE
    assert ALLOWED not in (await ask(node, "https://other.example")).headers
    node.server.adopt(replace(node.settings, cors_origins=("*",)))
    assert (await ask(node, "https://other.example")).headers[ALLOWED] == "*"
    node.server.adopt(node.settings)
    assert ALLOWED not in (await ask(node)).headers


async def test_a_page_that_is_allowed_may_submit_and_nothing_takes_its_cookies(node: Node) -> None:
    wishes = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    assert (await node.client.options("/v1/transactions", headers=wishes)).status_code == 405
    node.server.adopt(replace(node.settings, cors_origins=(PAGE,)))
    answer = await node.client.options("/v1/transactions", headers=wishes)
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, PAGE)
    assert "access-control-allow-credentials" not in answer.headers
    refused = await node.client.options("/v1/transactions", headers=wishes | {"origin": "https://other.example"})
    assert refused.status_code == 400
    assert ALLOWED not in refused.headers


async def test_an_error_tells_an_allowed_page_what_is_wrong_too(node: Node) -> None:
    node.server.adopt(replace(node.settings, cors_origins=(PAGE,)))
    answer = await node.client.get("/v1/accounts/nonsense", headers={"origin": PAGE})
    assert (answer.status_code, answer.headers[ALLOWED]) == (400, PAGE)


async def test_the_size_of_a_body_and_the_number_of_connections_hold_from_then_on(node: Node) -> None:
    body, kind = b"\x91\xc4\x01a", {"content-type": "application/msgpack"}
    assert (await node.client.post("/v1/transactions", content=body, headers=kind)).status_code == 202
    node.server.adopt(replace(node.settings, body_bytes_max=2, connections_max=1))
    assert (await node.client.post("/v1/transactions", content=body, headers=kind)).status_code == 413
    second = await node.talk(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
    with trio.fail_after(10):
        assert await _rest(second) == b"", "the one place is taken by the client's own connection"
    await second.aclose()
    node.server.adopt(node.settings)
    third = await node.talk(b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    with trio.fail_after(10):
        assert (await _rest(third)).startswith(b"HTTP/1.1 200 ")
    await third.aclose()


async def test_a_client_that_asks_too_often_is_told_when_and_probes_are_never_counted(node: Node) -> None:
    node.server.adopt(replace(node.settings, requests_per_s=1))
    statuses = [(await node.client.get("/v1/mempool")).status_code for _ in range(4)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses[2:]
    refused = await node.client.get("/v1/mempool")
    assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == ("too_many_requests", "1")
    assert [(await node.client.get("/livez")).status_code for _ in range(8)] == [200] * 8
    node.server.adopt(node.settings)
    assert [(await node.client.get("/v1/mempool")).status_code for _ in range(8)] == [200] * 8
    answers = (await node.get("/openapi.json"))["paths"]
    assert "429" in answers["/v1/mempool"]["get"]["responses"]
    assert "429" not in answers["/livez"]["get"]["responses"]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def passed(rates: Rates, host: str, count: int) -> int:
    found = 0
    for _ in range(count):
        with suppress(ApiError):
            rates.require_turn(host, "/v1/status")
            found += 1
    return found


def test_a_bucket_holds_two_seconds_and_fills_at_the_rate() -> None:
    clock = Clock()
    rates = Rates(lambda: 10, clock)
    assert passed(rates, "192.0.2.1", 100) == 20
    clock.now_s = 0.5
    assert passed(rates, "192.0.2.1", 100) == 5
    assert passed(rates, "192.0.2.2", 100) == 20
    clock.now_s = 1_000.0
    assert passed(rates, "192.0.2.1", 100) == 20, "who was silent for long may not save up more"


def test_addresses_of_one_ipv6_network_are_one_client_and_a_mapped_one_is_its_ipv4() -> None:
    rates = Rates(lambda: 5, Clock())
    assert passed(rates, "2001:db8::1", 8) + passed(rates, "2001:db8::2", 8) == 10
    assert passed(rates, "2001:db8:0:1::1", 8) == 8
    assert passed(rates, "::ffff:192.0.2.1", 8) + passed(rates, "192.0.2.1", 8) == 10


def test_a_crowd_of_addresses_costs_bounded_memory() -> None:
    rates = Rates(lambda: 1, Clock())
    for number in range(CLIENTS_MAX + 100):
        rates.require_turn(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "/v1/status")
    assert len(rates._buckets) == CLIENTS_MAX


async def _rest(stream: trio.SocketStream) -> bytes:
    found = b""
    try:
        while more := await stream.receive_some():
            found += bytes(more)
    except trio.BrokenResourceError:
        return found
    return found
