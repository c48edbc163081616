import json

import msgpack
import pytest

from p2pchain.client import NodeClient, NodeError, NodeUnreachableError, NotInTimeError
from p2pchain.client.answers import Json
from tests.fakes.http_node import FakeNode, genesis_answer
from tests.fakes.world import make_genesis

ID = "ab" * 32
UNKNOWN = {"error": {"code": "unknown_transaction", "message": "nobody knows it"}}


def transaction(status: str) -> Json:
    return {"id": ID, "status": status, "height": None, "index": None, "error": None}


def test_an_answer_comes_as_the_node_gave_it(node: FakeNode) -> None:
    node.answers("/v1/status", {"slot": 7, "new_field": 1})
    with NodeClient(node.url + "/") as client:
        assert json.dumps(client.status()) == '{"slot": 7, "new_field": 1}'


def test_a_refusal_has_its_code_its_words_and_its_evidence(node: FakeNode) -> None:
    node.answers("/v1/accounts/x", {"error": {"code": "bad_address", "message": "no address", "found": "x"}}, status=400)
    with NodeClient(node.url) as client, pytest.raises(NodeError) as caught:
        client.account("x")
    assert (caught.value.code, caught.value.message, caught.value.evidence) == ("bad_address", "no address", {"found": "x"})
    assert (caught.value.http_status, str(caught.value)) == (400, "bad_address: no address")


@pytest.mark.parametrize(("content", "status"), [(b"<html>", 200), (b"<html>", 502), (b"[1]", 500), (b'{"error": "text"}', 400)])
def test_an_answer_of_something_else_is_told_apart(node: FakeNode, content: bytes, status: int) -> None:
    node.answers_raw("/v1/peers", content, status)
    with NodeClient(node.url) as client, pytest.raises(NodeError) as caught:
        client.peers()
    assert caught.value.code == "bad_answer"


def test_a_silent_node_is_named_with_the_next_step() -> None:
    with NodeClient("http://127.0.0.1:1", timeout_s=1) as client:
        assert not client.is_alive()
        with pytest.raises(NodeUnreachableError, match=r"no answer from the node at http://127\.0\.0\.1:1 .* p2pchain start"):
            client.status()


@pytest.mark.parametrize("url", ["", "127.0.0.1:28657", "ftp://host", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(NodeError, match="wanted http://HOST:PORT"):
        NodeClient(url)


def test_transactions_are_submitted_in_one_body_of_byte_strings(node: FakeNode) -> None:
    node.answers("/v1/transactions", {"results": [{"id": ID, "status": "pending", "error": None}] * 2}, status=202)
    with NodeClient(node.url) as client:
        assert [result["status"] for result in client.submit([b"one", b"two"])] == ["pending", "pending"]
    ((content_type, body),) = node.bodies
    assert content_type == "application/msgpack"
    assert msgpack.unpackb(body) == [b"one", b"two"]


def test_waiting_ends_when_the_wanted_status_is_there(node: FakeNode) -> None:
    node.answers("/v1/transactions/" + ID, UNKNOWN, status=404)
    node.answers("/v1/transactions/" + ID, transaction("pending"), transaction("included"), transaction("final"))
    with NodeClient(node.url) as client:
        assert client.wait_for(ID, "included", 10)["status"] == "included"
        assert client.wait_for(ID, "included", 10)["status"] == "final"


@pytest.mark.parametrize("status", ["rejected", "expired", "replaced"])
def test_waiting_ends_with_a_transaction_that_ended(node: FakeNode, status: str) -> None:
    node.answers("/v1/transactions/" + ID, transaction(status))
    with NodeClient(node.url) as client:
        assert client.wait_for(ID, "final", 10)["status"] == status


def test_waiting_in_vain_says_what_was_found_and_how_to_ask_again(node: FakeNode) -> None:
    node.answers("/v1/transactions/" + ID, transaction("included"))
    with NodeClient(node.url) as client, pytest.raises(NotInTimeError, match=f"is included after 0 s, final wanted; .* tx show {ID}"):
        client.wait_for(ID, "final", 0)


def test_waiting_passes_on_every_other_error(node: FakeNode) -> None:
    node.answers("/v1/transactions/" + ID, {"error": {"code": "internal", "message": "broken"}}, status=500)
    with NodeClient(node.url) as client, pytest.raises(NodeError, match="internal: broken"):
        client.wait_for(ID, "final", 10)


def test_the_genesis_is_rebuilt_and_has_its_chain_id(node: FakeNode) -> None:
    node.answers("/v1/genesis", genesis_answer(), {"asked": "twice"})
    with NodeClient(node.url) as client:
        assert client.genesis() == make_genesis()
        assert client.spec() == make_genesis().spec()


@pytest.mark.parametrize(
    "change",
    [{"chain_id": "00" * 32}, {"params": {"slot_ms": 1}}, {"params": {"unknown": 1}}, {"name": 3}, {"accounts": [{}]}, {"delegates": []}],
)
def test_a_genesis_that_does_not_hold_is_refused(node: FakeNode, change: Json) -> None:
    node.answers("/v1/genesis", genesis_answer() | change)
    with NodeClient(node.url) as client, pytest.raises(NodeError) as caught:
        client.genesis()
    assert caught.value.code == "bad_genesis"
