from __future__ import annotations

from p2pchain.bench.load.submitting import BATCH_MAX, Due, Submission
from p2pchain.bench.transfers import Senders, Signed, sender_keys
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.transaction import decode_transaction, fee_min, signature_checks
from p2pchain.chain.types import AccountId, ChainId
from tests.fakes.chain import make_genesis
from tests.fakes.http_node import FakeNode, fake_node

RESULT = {"id": "ab", "status": "pending", "error": None}
REFUSED = {"id": None, "status": "rejected", "error": {"code": "pool_full", "message": "full"}}


def due(*moments: float) -> list[Due]:
    return [Due(Signed(0, f"{number}", b"x"), moment) for number, moment in enumerate(moments)]


def submitted(node: FakeNode, items: list[Due]) -> Submission:
    submission = Submission(node.url, items)
    submission.run()
    return submission


def test_what_is_due_together_goes_together_and_what_was_late_is_not_dropped() -> None:
    """All were due long ago: an open load sends them all, however late it is."""
    with fake_node() as node:
        node.answers("/v1/transactions", {"results": [RESULT] * BATCH_MAX}, {"results": [RESULT] * 2}, status=202)
        found = submitted(node, due(*[0.0] * (BATCH_MAX + 2)))
    assert (len(node.bodies), found.submitted) == (2, BATCH_MAX + 2)
    assert found.lags_s[0] > 1, "and says how late it was"


def test_every_refusal_is_counted_by_its_code() -> None:
    with fake_node() as node:
        node.answers("/v1/transactions", {"results": [RESULT, REFUSED]}, status=202)
        items = due(0.0, 0.0)
        found = submitted(node, items)
    assert dict(found.refused) == {"pool_full": 1}
    assert [item.refused for item in items] == ["", "pool_full"]


def test_a_request_that_is_refused_is_not_tried_again() -> None:
    with fake_node() as node:
        node.answers("/v1/transactions", {"error": {"code": "busy", "message": "later"}}, status=503)
        found = submitted(node, due(0.0, 0.0))
    assert (dict(found.refused), found.submitted, len(node.bodies)) == ({"busy": 2}, 0, 1)


def test_a_node_that_is_gone_refuses_all() -> None:
    found = Submission("http://127.0.0.1:1", due(0.0))
    found.run()
    assert dict(found.refused) == {"unreachable": 1}


def test_senders_sign_valid_transfers_to_others_each_in_the_order_of_its_nonces() -> None:
    spec, keys = make_genesis().spec(), sender_keys(1, 4)
    accounts = [AccountId(key.public_key) for key in keys]
    signed = Senders(spec, keys, accounts).sign(12, 100)
    made = [decode_transaction(item.raw, spec) for item in signed]
    assert [item.id.hex() for item in made] == [item.id for item in signed]
    assert all(verify_batch([check for item in made for check in signature_checks(item, ChainId(spec.chain_id))]))
    assert all(item.fee >= fee_min(item, spec.genesis_params) for item in made)
    assert all(item.sender != action.recipient for item in made for action in item.actions)  # type: ignore[union-attr]
    for number, account in enumerate(accounts):
        assert [item.nonce for item in made if item.sender == account] == [0, 1, 2], f"sender {number}"
