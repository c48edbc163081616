from __future__ import annotations

import subprocess
import sys

import pytest

from p2pchain.api.app import ENDPOINTS
from p2pchain.api.tally import DELEGATES_COUNTED_MAX, Tally
from p2pchain.chain.evidence import Offence, Said
from p2pchain.chain.types import Height, PublicKey, Slot
from p2pchain.node.effects import BlockFinal, ContradictionSeen, HeadChanged, MissReason, SlotMissed
from p2pchain.node.events import Peer
from p2pchain.node.ports import PeerView
from p2pchain.wire.messages import Tips
from tests.api.fakes import Node, address
from tests.fakes.chain import signer

PEER = PeerView(Peer(4), "ab" * 32, "10.0.0.1:5", outbound=True, agent="", connected_ms=0, bytes_in=0, bytes_out=0)


async def test_a_node_in_step_is_ready(node: Node) -> None:
    node.reads.grow()
    assert await node.get("/readyz") == {"ready": True, "blocks_behind": 0, "peers": 1}


async def test_a_node_that_catches_up_is_not_ready(node: Node) -> None:
    node.reads.is_syncing = True
    error = await node.refused("/readyz", 503)
    assert (error["code"], error["message"]) == ("not_ready", "the node is catching up")
    assert error["condition"] == "in step"


async def test_a_node_behind_its_peers_is_not_ready(node: Node) -> None:
    node.reads.grow()
    ahead = node.reads.tip.subject._replace(height=Height(12))
    node.reads.connected = [(PEER, None), (PEER, Tips(ahead, ahead))]
    error = await node.refused("/readyz", 503)
    assert error["message"] == "11 final blocks behind its peers, at most 10 wanted"
    assert (await node.get("/readyz?max_blocks_behind=11"))["blocks_behind"] == 11


async def test_a_node_with_too_few_peers_is_not_ready(node: Node) -> None:
    node.reads.peer_count = 2
    assert (await node.refused("/readyz?min_peers=3", 503))["message"] == "2 peers, at least 3 wanted"
    await node.get("/readyz?min_peers=2")


async def test_a_chain_that_stands_still_is_not_ready(node: Node) -> None:
    node.reads.grow()
    node.reads.slot = 1 + 3 * 60 + 4
    await node.get("/readyz")
    node.reads.slot += 1
    node.reads.peer_count = 0
    error = await node.refused("/readyz", 503)
    assert error["message"] == "0 peers, at least 1 wanted; no block became final for 185 slots, at most 184 wanted"


@pytest.mark.parametrize(("offset", "way"), [(-251, "behind"), (251, "ahead of")])
async def test_a_node_with_a_wrong_clock_is_not_ready(node: Node, offset: int, way: str) -> None:
    node.reads.clock_offset_ms = offset
    error = await node.refused("/readyz", 503)
    assert error["message"] == f"the clock is 251 ms {way} those of the delegates, at most 250 wanted"
    assert (await scrape(node))["p2pchain_clock_offset_seconds"] == offset / 1_000
    for fine in (None, offset // abs(offset) * 250):
        node.reads.clock_offset_ms = fine
        await node.get("/readyz")


async def test_liveness_asks_nothing_of_the_node(node: Node) -> None:
    node.reads.failure = RuntimeError()
    assert await node.get("/livez") == {"alive": True}


async def scrape(node: Node) -> dict[str, float]:
    response = await node.client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_metrics_are_zero_from_the_start(node: Node) -> None:
    found = await scrape(node)
    for name in (
        "final_blocks_total",
        "final_transactions_total",
        "finality_latency_seconds_count",
        "head_height",
        "syncing",
        "clock_offset_seconds",
    ):
        assert found[f"p2pchain_{name}"] == 0
    assert found["p2pchain_process_resident_memory_bytes"] > 0
    assert all(name.startswith("p2pchain_") for name in found)


async def test_what_became_of_connections_is_counted_by_reason_and_zeros_are_there(node: Node) -> None:
    found = await scrape(node)
    assert found['p2pchain_peer_refusals_total{by="us",reason="invalid_data"}'] == 2
    assert found['p2pchain_peer_refusals_total{by="us",reason="timeout"}'] == 0
    assert found['p2pchain_peer_refusals_total{by="peer",reason="other"}'] == 1
    assert (found["p2pchain_peer_bans_total"], found["p2pchain_peers_banned"], found["p2pchain_addresses_cooling"]) == (3, 2, 1)


async def test_metrics_add_up_what_is_published(node: Node) -> None:
    first, second = node.reads.grow(transfers=3), node.reads.grow(transfers=2)
    node.reads.head = node.reads.maker.extend(second)
    node.hub.publish(BlockFinal(first.made, 250))
    node.hub.publish(BlockFinal(second.made, 200_000))
    node.hub.publish(HeadChanged(second.subject))
    node.hub.publish(ContradictionSeen(Offence(PublicKey(b""), Said.VOTE, Slot(1)), b"1", b"2"))
    for reason in (MissReason.LATE, MissReason.SILENT, MissReason.SILENT):
        node.hub.publish(SlotMissed(7, signer(2000).public_key, reason, ""))
    found = await scrape(node)
    assert found[f'p2pchain_missed_slots_total{{delegate="{address(2000)}",reason="silent"}}'] == 2
    assert found[f'p2pchain_missed_slots_total{{delegate="{address(2000)}",reason="late"}}'] == 1
    assert found["p2pchain_final_blocks_total"] == 2
    assert found["p2pchain_final_transactions_total"] == 5
    assert found["p2pchain_head_changes_total"] == 1
    assert found["p2pchain_contradictions_total"] == 1
    assert found["p2pchain_finality_latency_seconds_count"] == 2
    assert found["p2pchain_finality_latency_seconds_sum"] == 200.25
    assert found['p2pchain_finality_latency_seconds_bucket{le="0.2"}'] == 0
    assert found['p2pchain_finality_latency_seconds_bucket{le="0.3"}'] == 1
    assert found['p2pchain_finality_latency_seconds_bucket{le="+Inf"}'] == 2
    assert (found["p2pchain_head_height"], found["p2pchain_final_height"], found["p2pchain_unfinal_blocks"]) == (3, 2, 1)
    assert (found["p2pchain_mempool_transactions"], found["p2pchain_mempool_bytes"]) == (7, 1_400)


async def test_every_delegate_has_its_metrics(node: Node) -> None:
    found = await scrape(node)
    mine = f'{{delegate="{address(2000)}"}}'
    assert (found[f"p2pchain_delegate_active{mine}"], found[f"p2pchain_delegate_demoted{mine}"]) == (1, 0)
    assert (found[f"p2pchain_delegate_blocks_total{mine}"], found[f"p2pchain_delegate_missed_heartbeats_total{mine}"]) == (12, 1)
    assert found[f"p2pchain_delegate_last_ballot_slot{mine}"] == 0


async def test_requests_are_counted_by_route_and_status(node: Node) -> None:
    def counted(found: dict[str, float], status: int) -> float:
        return found.get(f'p2pchain_api_requests_total{{route="GET /v1/blocks/{{reference}}",status="{status}"}}', -1)

    before = await scrape(node)
    assert (counted(before, 200), counted(before, 404)) == (0, -1)
    node.reads.grow()
    await node.get("/v1/blocks/1")
    await node.get("/v1/blocks/final")
    await node.refused("/v1/blocks/7", 404)
    await node.refused("/v1/blocks/seven", 400)
    found = await scrape(node)
    assert [counted(found, status) for status in (200, 404, 400)] == [2, 1, 1]
    assert found['p2pchain_api_request_seconds_total{route="GET /v1/blocks/{reference}"}'] > 0
    assert found['p2pchain_api_requests_total{route="GET /metrics",status="200"}'] == 1


def test_misses_of_more_delegates_than_the_bound_are_counted_together() -> None:
    tally = Tally()
    for number in range(DELEGATES_COUNTED_MAX + 40):
        tally.add(SlotMissed(number, number.to_bytes(32, "big"), MissReason.EMPTY, ""))
    assert len(tally.misses) == DELEGATES_COUNTED_MAX + 1
    assert tally.misses[b""] == {"empty": 40}


def test_prometheus_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, p2pchain.api.server; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_the_description_is_a_valid_openapi_document(node: Node) -> None:
    document = await node.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["info"] == document["info"] | {"title": "p2pchain", "version": "1.2.3"}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert all(response["description"] and response["content"] for response in operation["responses"].values())


async def test_every_path_parameter_is_described_and_no_other(node: Node) -> None:
    for path, operations in (await node.get("/openapi.json"))["paths"].items():
        for operation in operations.values():
            named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


EXAMPLES = {"address": address(3000), "id": "ab" * 32, "reference": "1", "height": "1", "key": "47", "delegate": address(2000)}


async def test_every_described_operation_is_served_as_described(node: Node) -> None:
    node.reads.grow()
    for path, operations in (await node.get("/openapi.json"))["paths"].items():
        for method, operation in operations.items():
            if path == "/v1/events":
                method = "head"  # noqa: PLW2901 - it would never end
            response = await node.client.request(method, path.format(**EXAMPLES))
            assert str(response.status_code) in operation["responses"], (path, response.text)


async def test_every_served_path_is_described(node: Node) -> None:
    described = set((await node.get("/openapi.json"))["paths"])
    app = node.server._connections._app.app
    served = {route.path for route in app.routes}  # type: ignore[attr-defined]
    assert served == described == {endpoint.path for endpoint in ENDPOINTS}


@pytest.mark.parametrize(
    "path",
    ["/v1/" + name for name in ("status", "genesis", "delegates", "schedule", "params", "peers", "mempool", "blocks/1", "blocks")],
)
async def test_answers_have_the_fields_that_are_described(node: Node, path: str) -> None:
    node.reads.grow(transfers=1)
    paths = (await node.get("/openapi.json"))["paths"]
    described = paths[path.replace("/1", "/{reference}")]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(described["properties"]) == set(described["required"]) == set(await node.get(path))
