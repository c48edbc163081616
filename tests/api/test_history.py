"""What applications learn of old and pruned blocks, of times, and of the history of accounts and delegates."""

from __future__ import annotations

from typing import Any

import pytest

from p2pchain.node.history import BEHIND_MAX, IndexBrokenError, IndexView, RoundView
from p2pchain.node.ports import Location
from p2pchain.node.progress import Lack
from p2pchain.node.views import StatusView
from tests.api.fakes import FakeHistory, Node, address
from tests.fakes.chain import signer

ACCOUNT = 3000


@pytest.fixture
def history(node: Node) -> FakeHistory:
    for _ in range(5):
        node.reads.grow(transfers=2)
    node.reads.history = FakeHistory()
    node.reads.history.places = [Location(height, place) for height in range(1, 6) for place in range(2)]
    return node.reads.history


async def refused(node: Node, path: str, status: int) -> Any:
    response = await node.client.get(path)
    assert response.status_code == status, response.text
    return response.json()["error"]


@pytest.mark.parametrize("path", ["/v1/blocks/2", "/v1/blocks?from=2"])
async def test_a_pruned_block_is_gone_and_not_unknown(node: Node, path: str) -> None:
    for _ in range(5):
        node.reads.grow()
    node.reads.pruned_below = 4
    error = await refused(node, path, 410)
    assert (error["code"], error["height"], error["blocks_from"]) == ("pruned", 2, 4)
    assert "from height 4 on" in error["message"]
    assert (await node.get("/v1/blocks/4"))["height"] == 4
    assert [block["height"] for block in (await node.get("/v1/blocks?from=4"))["blocks"]] == [4, 5]
    assert (await node.get("/v1/status"))["blocks_from"] == 4
    assert "p2pchain_blocks_from_height 4.0" in (await node.client.get("/metrics")).text


async def test_blocks_are_found_by_their_time(node: Node) -> None:
    made = [node.reads.grow() for _ in range(4)]
    times = [node.reads.time_of(block.subject.height) for block in made]
    for since, first in ((0, 1), (times[1], 2), (times[1] + 1, 3), (times[3], 4)):
        assert (await node.get(f"/v1/blocks?since={since}"))["blocks"][0]["height"] == first
    assert await node.get(f"/v1/blocks?since={times[3] + 1}") == {"blocks": [], "next": 5}
    assert (await refused(node, "/v1/blocks?since=1&from=1", 400))["parameter"] == "since"


async def test_what_a_node_lacks_stands_in_the_status(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    status = node.reads.status

    def lacking(now_ms: int) -> StatusView:
        return status(now_ms)._replace(lack=Lack(21, 61))

    monkeypatch.setattr(node.reads, "status", lacking)
    assert (await node.get("/v1/status"))["lacking"] == {"needed": 21, "offered": 61}
    assert "p2pchain_lacking_blocks 1.0" in (await node.client.get("/metrics")).text


async def test_the_history_of_an_account_comes_in_pages(node: Node, history: FakeHistory) -> None:
    path = f"/v1/accounts/{address(ACCOUNT)}/transactions"
    seen: list[tuple[int, int]] = []
    before = ""
    while before is not None:
        page = await node.get(f"{path}?limit=3{before and f'&before={before}'}")
        seen += [(item["height"], item["index"]) for item in page["transactions"]]
        assert (page["from_height"], page["height"]) == (1, 5)
        before = page["next_before"]
    assert seen == [(place.height, place.position) for place in sorted(history.places, reverse=True)]
    first = (await node.get(f"{path}?limit=1"))["transactions"][0]
    transaction = node.reads.final[4].made.transactions[1]
    assert (first["id"], first["status"], first["time_ms"]) == (transaction.id.hex(), "final", node.reads.time_of(5))
    assert first["actions"][0]["kind"] == "transfer"
    assert [item["height"] for item in (await node.get(f"{path}?before=2"))["transactions"]] == [1, 1]


async def test_of_a_pruned_block_the_history_knows_where_and_when(node: Node, history: FakeHistory) -> None:
    node.reads.pruned_below = 3
    items = (await node.get(f"/v1/accounts/{address(ACCOUNT)}/transactions"))["transactions"]
    assert len(items) == len(history.places)
    assert items[-1] == {"id": None, "status": "pruned", "height": 1, "index": 0, "error": None, "time_ms": node.reads.time_of(1)}
    assert items[0]["status"] == "final"


async def test_the_rounds_of_a_delegate_by_account_and_by_key(node: Node, history: FakeHistory) -> None:
    history.own_rounds = [RoundView(9, 33, 2, 700, 0), RoundView(7, 0, 0, 0, 1)]
    shown = [
        {"round": 9, "height": 33, "transactions": 2, "fees": "700", "missed": 0},
        {"round": 7, "height": None, "transactions": 0, "fees": "0", "missed": 1},
    ]
    for who in (address(2000), signer(1000).public_key.hex()):
        assert (await node.get(f"/v1/delegates/{who}/rounds"))["rounds"] == shown
    page = await node.get(f"/v1/delegates/{address(2000)}/rounds?limit=1")
    assert (page["rounds"], page["next_before"]) == (shown[:1], 9)
    assert (await node.get(f"/v1/delegates/{address(2000)}/rounds?before=9"))["rounds"] == shown[1:]
    assert (await refused(node, f"/v1/delegates/{'ab' * 32}/rounds", 404))["code"] == "unknown_delegate"


PATHS = [f"/v1/accounts/{address(ACCOUNT)}/transactions", f"/v1/delegates/{address(2000)}/rounds"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_node_without_an_index_says_how_to_have_one(node: Node, path: str) -> None:
    error = await refused(node, path, 404)
    assert error["code"] == "no_index"
    assert "index.enabled = true" in error["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_while_the_index_is_built_it_says_how_far_it_is(node: Node, history: FakeHistory, path: str) -> None:
    history.index = IndexView(1, 40, 41 + BEHIND_MAX, 4_096, "")
    error = await refused(node, path, 503)
    assert (error["code"], error["index_height"], error["final_height"]) == ("indexing", 40, 41 + BEHIND_MAX)
    assert (await node.get("/v1/status"))["index"] == {"from_height": 1, "height": 40, "built": False, "disk_bytes": 4_096, "failure": ""}
    metrics = (await node.client.get("/metrics")).text
    assert "p2pchain_index_height 40.0" in metrics
    assert f"p2pchain_index_behind_blocks {1 + BEHIND_MAX}.0" in metrics
    history.index = history.index._replace(height=41)
    await node.get(path)


async def test_an_index_that_failed_says_why(node: Node, history: FakeHistory) -> None:
    history.index = history.index._replace(failure="no space left")
    assert "no space left" in (await refused(node, PATHS[0], 503))["message"]
    history.index = history.index._replace(failure="")
    history.failure = IndexBrokenError("index cannot be read")
    assert (await refused(node, PATHS[0], 503))["code"] == "index_broken"


@pytest.mark.parametrize("query", ["before=x", "before=1-x", "before=-1", "limit=0", "limit=101", "after=1"])
async def test_a_page_that_cannot_be_is_refused(node: Node, history: FakeHistory, query: str) -> None:
    assert history.view().is_built
    assert (await refused(node, f"{PATHS[0]}?{query}", 400))["code"] == "bad_parameter"
