import json
from typing import Any

from rich.console import Console

from p2pchain.cli.showing import table
from p2pchain.cli.testnet.picture import Scene, line_of, picture_of
from p2pchain.cli.testnet.record import AccountRecord, NodeRecord
from p2pchain.cli.testnet.samples import Row, Watched, leader_name
from p2pchain.cli.testnet.traffic import A_SECOND, SampleTransfer, Traffic
from p2pchain.client import NodeClient
from tests.cli.conftest import Run
from tests.fakes.http_node import FakeNode, genesis_answer, terms_answer
from tests.fakes.world import make_genesis

METRICS = """# HELP p2pchain_final_blocks_total words
p2pchain_final_transactions_total {transactions}
p2pchain_final_blocks_total {blocks}
p2pchain_finality_latency_seconds_bucket{{le="0.1"}} 3
p2pchain_finality_latency_seconds_sum {seconds}
"""


def status(delegate: str = "p2p1node", leader: str | None = "p2p1node", height: int = 5) -> dict[str, Any]:
    tip = {"height": height, "slot": 12, "hash": "ab"}
    return {"head": tip, "final": tip, "slot": 12, "leader": leader, "delegate": delegate, "peers": 3, "condition": "in step"}


def record(node: FakeNode) -> NodeRecord:
    return NodeRecord("node-1", "home", node.url, "127.0.0.1:1", None, "delegate")


def row(**changes: Any) -> Row:
    return Row("node-1", "delegate", status(**changes), 4.81, 60.2)  # type: ignore[arg-type]


def test_rates_and_latency_come_from_two_looks(node: FakeNode) -> None:
    node.answers("/v1/status", status())
    for transactions, blocks, seconds in ((100.0, 10, 1.0), (150.0, 12, 1.1)):
        node.answers_raw("/metrics", METRICS.format(transactions=transactions, blocks=blocks, seconds=seconds).encode())
    watched = Watched(record(node))
    first, second = watched.look(1.0), watched.look(6.0)
    watched.client.close()
    assert (first.transactions_per_s, first.latency_ms) == (None, None)
    assert second.transactions_per_s == 10.0
    assert second.latency_ms is not None
    assert round(second.latency_ms) == 50


def test_a_silent_node_is_shown_as_down() -> None:
    watched = Watched(NodeRecord("node-1", "home", "http://127.0.0.1:1", "127.0.0.1:1", None, "delegate"))
    found = watched.look(1.0)
    watched.client.close()
    assert found.status is None
    assert line_of(Scene([found])) == "slot - leader - | node-1 down"


def test_the_line_says_slot_leader_heights_rate_and_latency() -> None:
    down = Row("node-2", "delegate", None, None, None)
    assert line_of(Scene([row(), down])) == "slot 12 leader node-1 | node-1 head 5 final 5 peers 3 tx/s 4.8 latency 60 ms | node-2 down"
    transfer = SampleTransfer("ab" * 32, "account-1", "account-2", 7, "final")
    assert line_of(Scene([row()], (transfer,), sent=5, final=3)).endswith("| transfers sent 5 final 3")


def test_the_picture_fits_a_narrow_terminal() -> None:
    console = Console(width=80, record=True, file=None, force_terminal=False, quiet=False)
    transfer = SampleTransfer("ab" * 32, "account-1", "account-2", 7, "pending")
    with console.capture() as capture:
        console.print(picture_of(Scene([row(), Row("node-2", "observer", None, None, None)], (transfer,), 5, 3)))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 6
    assert "slot 12   leader node-1   transfers sent 5, final 3" in lines[0]


def test_the_leader_is_named_by_its_node_or_by_its_address() -> None:
    assert leader_name([row()]) == "node-1"
    assert leader_name([row(leader="p2p1somebodyelse")]) == "p2p1somebody..."
    assert leader_name([row(leader=None)]) == "-"


def test_sample_transfers_are_sent_in_bulk_and_followed_to_their_end(run: Run, node: FakeNode) -> None:
    accounts = []
    for name in ("a", "b"):
        path = run("keys", "new", name, "--open", "--prefix", "p2p", "--json").stdout
        made = json.loads(path)
        accounts.append(AccountRecord(name, made["address"], made["path"]))
        node.answers(f"/v1/accounts/{made['address']}", {"next_nonce": 4})
    node.answers("/v1/status", status())
    node.answers("/v1/genesis", genesis_answer())
    node.answers("/v1/params", terms_answer())
    error = {"code": "pool_full", "message": "full"}
    results = [{"id": f"{i:064x}", "status": "pending", "error": None} for i in range(A_SECOND - 1)]
    node.answers("/v1/transactions", {"results": [*results, {"id": None, "status": "rejected", "error": error}]})
    for item in results:
        node.answers(f"/v1/transactions/{item['id']}", {"id": item["id"], "status": "final"})
    with NodeClient(node.url) as client:
        traffic = Traffic(accounts, make_genesis().spec())
        traffic.send(client)
        assert [item.status for item in traffic.last] == ["pending"] * 4 + ["rejected: pool_full"]
        traffic.refresh(client)
    assert (traffic.sent, traffic.final) == (5, 4)
    assert len(node.bodies) == 1


def test_a_table_is_aligned_and_cuts_what_is_too_long() -> None:
    assert table([{"a": "x", "raw": "hidden", "b": True}, {"a": "long" * 40, "b": None}])[0].startswith("a ")
    assert table([{"a": "x", "raw": "hidden", "b": True}])[1] == "x  yes"
    assert "..." in table([{"a": "long" * 40}])[1]
