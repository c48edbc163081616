from __future__ import annotations

from p2pchain.api.transactions import SIMULATED_MAX
from tests.api.fakes import Node, json_body, many_items, transfers

PATH = "/v1/transactions/simulate"
JSON = {"content-type": "application/json"}


async def test_each_transaction_has_its_outcome_and_nothing_is_submitted(node: Node) -> None:
    items = transfers(node.reads, 2)
    body = json_body([*items, b"no transaction"]).replace("]", ', "no hex"]')
    response = await node.client.post(PATH, content=body, headers=JSON)
    assert response.status_code == 200
    good, failing, malformed, unusable = response.json()["results"]
    assert (good["outcome"], good["error"], good["fee_least"]) == ("succeeds", None, "10")
    assert int(good["fee"]) > 0
    assert (failing["outcome"], failing["error"]["code"]) == ("fails", "known_evidence")
    assert (malformed["id"], malformed["outcome"], malformed["error"]["code"], malformed["fee"]) == (None, "refused", "malformed", None)
    assert unusable["error"] == {"code": "malformed", "message": "item 3 is not hex"}
    assert node.inlet.batches == []


async def test_more_than_the_loop_may_run_at_once_is_refused(node: Node) -> None:
    response = await node.client.post(PATH, content=json_body(many_items(SIMULATED_MAX + 1)), headers=JSON)
    assert response.status_code == 413
    assert response.json()["error"]["message"] == "body has 101 transactions, at most 100 are simulated in a request"


async def test_it_is_no_place_to_read_from(node: Node) -> None:
    assert (await node.refused(PATH))["code"] == "bad_parameter"
