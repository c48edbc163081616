"""Nonces among refusals, against a node that is a few lines: it takes the account's next nonce, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import pytest

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.transaction import Transaction, decode_transaction
from p2pchain.client import calls, flows
from p2pchain.client.calls import Call
from p2pchain.client.errors import NodeError, NodeUnreachableError
from p2pchain.client.flows import Done
from p2pchain.client.sending import BATCH_MAX, NotKnownError, SenderState, Sent
from tests.fakes.world import make_genesis, signer

GENESIS = make_genesis()
SPEC = GENESIS.spec()
PAYER = signer(3000)
POOR = 10**15
"""An amount that the account does not have."""

Refuse = Callable[[Transaction], str]


class Pool:
    """What a node does with transactions of one account."""

    def __init__(self, next_nonce: int = 0, refuse: Refuse = lambda _: "") -> None:
        self.next_nonce = next_nonce
        self.refuse = refuse
        self.taken: list[Transaction] = []
        self.asked: list[str] = []
        self.is_gone = False

    def answer(self, call: Call[Any]) -> Any:
        self.asked.append(call.path)
        match call.path:
            case "/v1/genesis":
                return GENESIS
            case "/v1/params":
                return GENESIS.params
            case "/v1/status":
                return {"slot": 5}
            case "/v1/transactions":
                if self.is_gone:
                    raise NodeUnreachableError("http://node", "it is gone")
                assert call.content is not None
                return [self._take(raw) for raw in msgpack.unpackb(call.content)]
            case _:
                return {"next_nonce": self.next_nonce}

    def _take(self, raw: bytes) -> Any:
        made = decode_transaction(raw, SPEC)
        code = self.refuse(made)
        if not code and made.nonce != self.next_nonce:
            code = "nonce_gap" if made.nonce > self.next_nonce else "nonce_too_low"
        if code:
            return {"id": made.id.hex(), "status": "rejected", "error": {"code": code, "message": "no"}}
        self.taken.append(made)
        self.next_nonce += 1
        return {"id": made.id.hex(), "status": "pending", "error": None}


def send(pool: Pool, state: SenderState, items: Sequence[Sequence[Action]]) -> list[Sent]:
    flow = state.send(items)
    step = flows.begin(flow)
    while not isinstance(step, Done):
        assert isinstance(step, Call)
        try:
            answer = pool.answer(step)
        except NodeUnreachableError as error:
            step = flows.failed(flow, error)
        else:
            step = flows.answered(flow, answer)
    return step.value


def pays(*amounts: int) -> list[list[Action]]:
    return [[Transfer(signer(3001).public_key, amount)] for amount in amounts]


def amounts(pool: Pool) -> list[int]:
    return [action.amount for made in pool.taken for action in made.actions if isinstance(action, Transfer)]


def too_poor(made: Transaction) -> str:
    return "insufficient_funds" if any(isinstance(action, Transfer) and action.amount == POOR for action in made.actions) else ""


def sender() -> SenderState:
    return SenderState(PAYER, None, 100)


def test_many_payments_take_nonces_in_a_row_and_few_requests() -> None:
    pool, state = Pool(7), sender()
    count = 2 * BATCH_MAX + 3
    sent = send(pool, state, pays(*range(1, count + 1)))
    assert [item.nonce for item in sent] == list(range(7, 7 + count))
    assert amounts(pool) == list(range(1, count + 1))
    assert pool.asked.count("/v1/transactions") == 3
    send(pool, state, pays(1))
    assert sum(path.startswith("/v1/accounts/") for path in pool.asked) == 1, "the next nonce is remembered"
    assert pool.asked.count("/v1/genesis") == 1


def test_what_is_refused_for_itself_leaves_no_gap_behind_it() -> None:
    pool = Pool(0, too_poor)
    sent = send(pool, sender(), pays(1, POOR, 2, POOR, POOR, 3))
    assert [item.error and item.error["code"] for item in sent] == [None, *["insufficient_funds"], None, *["insufficient_funds"] * 2, None]
    assert amounts(pool) == [1, 2, 3]
    assert [made.nonce for made in pool.taken] == [0, 1, 2]


@pytest.mark.parametrize("moved_to", [0, 9])
def test_an_account_that_moved_meanwhile_is_asked_for_its_next_nonce(moved_to: int) -> None:
    """Somebody else sent from it, or what waited has expired."""
    pool, state = Pool(4), sender()
    send(pool, state, pays(1))
    pool.next_nonce = moved_to
    sent = send(pool, state, pays(2, 3))
    assert [(item.nonce, item.error) for item in sent] == [(moved_to, None), (moved_to + 1, None)]


def test_a_full_pool_is_told_for_all_that_follow_and_nothing_is_sent_again() -> None:
    pool = Pool(0, lambda made: "account_limit" if made.nonce >= 2 else "")
    sent = send(pool, sender(), pays(1, 2, 3, 4))
    assert [item.error and item.error["code"] for item in sent] == [None, None, "account_limit", "account_limit"]
    assert pool.asked.count("/v1/transactions") == 1


def test_a_duplicate_counts_as_taken() -> None:
    pool = Pool(0, lambda made: "duplicate" if made.nonce == 0 else "")
    pool.next_nonce = 1
    state = sender()
    state.next_nonce = 0
    assert [item.error for item in send(pool, state, pays(1, 2))] == [None, None]


def test_a_node_that_goes_away_leaves_the_bytes_to_be_submitted_again() -> None:
    pool, state = Pool(), sender()
    send(pool, state, pays(1))
    pool.is_gone = True
    with pytest.raises(NotKnownError) as caught:
        send(pool, state, pays(2, 3))
    assert [decode_transaction(raw, SPEC).nonce for raw in caught.value.transactions] == [1, 2]
    pool.is_gone = False
    again = calls.submit(caught.value.transactions)
    assert [result["error"] for result in pool.answer(again)] == [None, None]
    assert [item.nonce for item in send(pool, state, pays(4))] == [3], "the node is asked again"


def test_a_node_that_refuses_the_nonce_it_names_is_given_up() -> None:
    with pytest.raises(NodeError, match="names it as the next one"):
        send(Pool(0, lambda _: "nonce_gap"), sender(), pays(1))


def test_nothing_to_send_is_nothing_sent() -> None:
    pool = Pool()
    assert send(pool, sender(), []) == []
    assert "/v1/transactions" not in pool.asked
