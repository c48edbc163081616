from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import msgpack
import pytest

from p2pchain.client import AsyncNodeClient, NodeClient, NodeError, flows
from p2pchain.client.answers import SubmitResult
from p2pchain.client.bulk import BYTES_MAX, ITEMS_MAX, Taken, bulks, submit_bulk
from p2pchain.client.flows import Done, Flow, Now, Pause
from tests.fakes.http_node import FakeNode

BUSY = {"error": {"code": "busy", "message": "later"}}


def result(raw: bytes) -> SubmitResult:
    return {"id": raw.hex(), "status": "pending", "error": None}


def results(*items: bytes) -> dict[str, list[SubmitResult]]:
    return {"results": [result(item) for item in items]}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited, each time."""
    found: list[float] = []
    monkeypatch.setattr("p2pchain.client.node_client.time.sleep", found.append)
    return found


@pytest.mark.parametrize(
    ("sizes", "wanted"), [([], []), ([10], [1]), ([10] * (ITEMS_MAX + 1), [ITEMS_MAX, 1]), ([BYTES_MAX // 2 + 1] * 3, [1, 1, 1])]
)
def test_bulks_are_bounded_by_number_and_by_bytes(sizes: list[int], wanted: list[int]) -> None:
    assert [len(bulk) for bulk in bulks(bytes(size) for size in sizes)] == wanted


def test_many_transactions_go_in_few_requests_and_their_results_come_in_order(node: FakeNode) -> None:
    items = [number.to_bytes(4, "big") for number in range(ITEMS_MAX + 2)]
    node.answers("/v1/transactions", results(*items[:ITEMS_MAX]), results(*items[ITEMS_MAX:]), status=202)
    with NodeClient(node.url) as client:
        assert [found["id"] for found in client.submit_many(items)] == [item.hex() for item in items]
    assert [len(msgpack.unpackb(body)) for _, body in node.bodies] == [ITEMS_MAX, 2]


def test_nothing_is_sent_before_a_result_is_asked_for(node: FakeNode) -> None:
    with NodeClient(node.url) as client:
        client.submit_many([b"one"])
    assert node.bodies == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_node_is_asked_again_when_it_said(node: FakeNode, status: int, pauses: list[float]) -> None:
    node.answers("/v1/transactions", BUSY, status=status, headers={"retry-after": "7"})
    node.answers("/v1/transactions", results(b"one"), status=202)
    with NodeClient(node.url) as client:
        assert list(client.submit_many([b"one"])) == [result(b"one")]
    assert (pauses, len(node.bodies)) == ([7.0], 2)


def test_a_node_that_names_no_time_is_asked_again_after_a_second(node: FakeNode, pauses: list[float]) -> None:
    node.answers("/v1/transactions", BUSY, status=503)
    node.answers("/v1/transactions", results(b"one"), status=202)
    with NodeClient(node.url) as client:
        list(client.submit_many([b"one"]))
    assert pauses == [1.0]


def test_patience_ends_with_what_the_node_said(node: FakeNode, pauses: list[float]) -> None:
    node.answers("/v1/transactions", BUSY, status=503, headers={"retry-after": "7"})
    with NodeClient(node.url) as client, pytest.raises(NodeError, match="busy: later") as caught:
        list(client.submit_many([b"one"], patience_s=5))
    assert (caught.value.retry_after_s, pauses) == (7.0, [])


def test_every_other_refusal_is_passed_on_at_once(node: FakeNode, pauses: list[float]) -> None:
    node.answers("/v1/transactions", {"error": {"code": "internal", "message": "broken"}}, status=500)
    with NodeClient(node.url) as client, pytest.raises(NodeError, match="internal"):
        list(client.submit_many([b"one"]))
    assert pauses == []


Submit = Callable[[Sequence[bytes]], list[SubmitResult]]


def driven(submit: Submit, items: Sequence[bytes], patience_s: float, pauses: list[float] | None = None) -> list[SubmitResult]:
    """As either client drives it, on a clock that only pauses move."""
    waited: list[float] = [] if pauses is None else pauses
    found: list[SubmitResult] = []
    for bulk in bulks(items):
        rest: Sequence[bytes] = bulk
        while rest:
            taken = _ended(submit_bulk(rest, patience_s), submit, waited)
            found += taken.results
            rest = taken.rest
    return found


def _ended(flow: Flow[Taken], submit: Submit, waited: list[float]) -> Taken:
    step = flows.begin(flow)
    while not isinstance(step, Done):
        match step:
            case Pause(seconds):
                waited.append(seconds)
                step = flows.answered(flow, None)
            case Now():
                step = flows.answered(flow, sum(waited))
            case _:
                try:
                    step = flows.answered(flow, submit(msgpack.unpackb(step.content)))
                except NodeError as error:
                    step = flows.failed(flow, error)
    return step.value


def test_a_node_that_takes_less_in_a_request_gets_halves() -> None:
    sent: list[int] = []

    def submit(bulk: Sequence[bytes]) -> list[SubmitResult]:
        sent.append(len(bulk))
        if len(bulk) > 2:
            raise NodeError("oversized", "too many", http_status=413)
        return [result(raw) for raw in bulk]

    items = [bytes([number]) for number in range(5)]
    assert [found["id"] for found in driven(submit, items, 1)] == [item.hex() for item in items]
    assert sent == [5, 2, 3, 1, 2]


def refused(code: str) -> SubmitResult:
    return {"id": None, "status": "rejected", "error": {"code": code, "message": "no"}}


def test_what_found_no_room_is_sent_again_with_what_its_sender_signed_after_it() -> None:
    pauses: list[float] = []
    sent: list[list[bytes]] = []
    answers = [
        [result(b"a"), refused("pool_full"), refused("nonce_gap"), refused("bad_signature")],
        [refused("pool_full"), refused("nonce_gap")],
        [result(b"b"), result(b"c")],
    ]

    def submit(bulk: Sequence[bytes]) -> list[SubmitResult]:
        sent.append(list(bulk))
        return answers[len(sent) - 1]

    found = driven(submit, [b"a", b"b", b"c", b"d"], 60, pauses)
    assert found == [result(b"a"), result(b"b"), result(b"c"), refused("bad_signature")]
    assert sent == [[b"a", b"b", b"c", b"d"], [b"b", b"c"], [b"b", b"c"]]
    assert pauses == [1.0, 1.0]


def test_a_gap_that_no_crowd_made_is_the_callers() -> None:
    pauses: list[float] = []
    assert driven(lambda _bulk: [refused("nonce_gap")], [b"a"], 60, pauses) == [refused("nonce_gap")]
    assert pauses == []


def test_what_finds_no_room_in_time_is_refused_in_its_result_and_the_rest_is_not_lost() -> None:
    pauses: list[float] = []
    assert driven(lambda _bulk: [result(b"a"), refused("pool_full")], [b"a", b"b"], 0.5, pauses) == [
        result(b"a"),
        refused("pool_full"),
    ]
    assert pauses == []


def test_a_busy_node_later_does_not_lose_what_was_taken_before() -> None:
    pauses: list[float] = []
    answers = iter([[result(b"a"), refused("pool_full")]])

    def submit(_bulk: Sequence[bytes]) -> list[SubmitResult]:
        try:
            return next(answers)
        except StopIteration:
            raise NodeError("pool_full", "full", http_status=429, retry_after_s=99) from None

    assert driven(submit, [b"a", b"b"], 5, pauses) == [result(b"a"), refused("pool_full")]
    assert pauses == [1.0]


def test_one_transaction_that_is_too_large_is_not_cut() -> None:
    def submit(_bulk: Sequence[bytes]) -> list[SubmitResult]:
        raise NodeError("oversized", "too many", http_status=413)

    with pytest.raises(NodeError, match="oversized"):
        driven(submit, [b"one"], 1)


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_the_async_client_sends_the_same(node: FakeNode, loop: str) -> None:
    items = [number.to_bytes(4, "big") for number in range(ITEMS_MAX + 2)]
    node.answers("/v1/transactions", results(*items[:ITEMS_MAX]), results(*items[ITEMS_MAX:]), status=202)

    async def send() -> list[str | None]:
        async with AsyncNodeClient(node.url) as client:
            return [found["id"] async for found in client.submit_many(items)]

    assert anyio.run(send, backend=loop) == [item.hex() for item in items]
    assert [len(msgpack.unpackb(body)) for _, body in node.bodies] == [ITEMS_MAX, 2]
