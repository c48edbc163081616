import json
from pathlib import Path

import msgpack
import pytest

from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.address import encode_address
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.transaction import Transaction, decode_transaction, fee_min, signature_checks
from p2pchain.chain.types import ChainId
from tests.cli.conftest import Run
from tests.fakes.http_node import FakeNode, genesis_answer, terms_answer
from tests.fakes.world import make_genesis, signer

SPEC = make_genesis().spec()
ID = "cd" * 32
TO = encode_address(SPEC.address_prefix, signer(3001).public_key)  # type: ignore[arg-type]


@pytest.fixture
def sender(run: Run, node: FakeNode, tmp_path: Path) -> str:
    """The address of the open key 'alice', whose next nonce is 7 at a node where it is slot 40."""
    run("keys", "new", "alice", "--open")
    run("keys", "new", "delegate", "--open")
    address: str = json.loads(run("keys", "show", "alice", "--prefix", "p2p", "--json").stdout)["address"]
    node.answers("/v1/genesis", genesis_answer())
    node.answers("/v1/params", terms_answer())
    node.answers("/v1/status", {"slot": 40})
    node.answers(f"/v1/accounts/{address}", {"next_nonce": 7})
    node.answers("/v1/transactions", {"results": [{"id": ID, "status": "pending", "error": None}]}, status=202)
    return address


def sent(node: FakeNode) -> Transaction:
    """What the node got, its signatures verified."""
    ((_, body),) = node.bodies
    (raw,) = msgpack.unpackb(body)
    transaction = decode_transaction(raw, SPEC)
    assert all(verify_batch(signature_checks(transaction, ChainId(SPEC.chain_id))))
    return transaction


def test_a_transfer_is_built_from_what_the_node_says(run: Run, node: FakeNode, sender: str) -> None:
    result = run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--memo", "lunch", "--node", node.url, "--json")
    assert json.loads(result.stdout) == {"id": ID, "status": "pending", "height": None}
    transaction = sent(node)
    assert transaction.actions == (Transfer(signer(3001).public_key, 5, b"lunch"),)
    assert (transaction.nonce, transaction.fee, transaction.valid_until) == (7, fee_min(transaction, SPEC.genesis_params), 1240)


def test_nonce_fee_and_validity_may_be_chosen(run: Run, node: FakeNode, sender: str) -> None:
    options = ["--nonce", 3, "--fee", 9_999, "--valid-slots", 5, "--node", node.url]
    assert run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, *options).exit_code == 0
    assert (sent(node).nonce, sent(node).fee, sent(node).valid_until) == (3, 9_999, 45)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["stake", "--delegate", TO, "--amount", 5], Stake),
        (["unstake", "--delegate", TO, "--amount", 5], Unstake),
        (["claim", "--delegate", TO], ClaimRewards),
        (["delegate", "register", "--commission-bps", 500], RegisterDelegate),
        (["delegate", "retire"], RetireDelegate),
    ],
)
def test_each_verb_sends_its_action(run: Run, node: FakeNode, sender: str, arguments: list[object], kind: type) -> None:
    assert run(*arguments, "--from", "alice", "--node", node.url).exit_code == 0
    assert [type(action) for action in sent(node).actions] == [kind]


def test_the_fee_is_the_least_under_the_parameters_in_force(run: Run, node: FakeNode, sender: str) -> None:
    node.replace("/v1/params", terms_answer(fee_per_byte=3, validity_slots_max=9))
    assert run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--node", node.url).exit_code == 0
    transaction = sent(node)
    assert (transaction.fee, transaction.valid_until) == (3 * len(transaction.raw) + Transfer.WORK, 49)


VOTE = ["delegate", "vote-change", "--from", "alice"]


def test_a_vote_names_parameters_and_keeps_the_version_that_will_be_in_force(run: Run, node: FakeNode, sender: str) -> None:
    later = [{"height": 70, "version": 2, "values": {}}, {"height": 90, "version": 3, "values": {}}]
    node.replace("/v1/params", terms_answer() | {"scheduled": later})
    settings = ["--set", "fee_per_byte=5", "--set", "heartbeat_slots=30"]
    assert run(*VOTE, "--height", 80, *settings, "--node", node.url).exit_code == 0
    assert sent(node).actions == (VoteChange(80, 2, ((3, 30), (10, 5))),)


def test_a_vote_for_a_version_and_its_withdrawal(run: Run, node: FakeNode, sender: str) -> None:
    assert run(*VOTE, "--height", 61, "--version", 2, "--node", node.url).exit_code == 0
    assert sent(node).actions == (VoteChange(61, 2, ()),)
    node.bodies.clear()
    assert run(*VOTE, "--withdraw", "--node", node.url).exit_code == 0
    assert sent(node).actions == (VoteChange.withdrawal(),)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--height", 80, "--set", "heartbeat_slot=3"], "no parameter is called 'heartbeat_slot': did you mean heartbeat_slots?"),
        (["--height", 80, "--set", "xyz=3"], "one of slot_ms, delegates,"),
        (["--height", 80, "--set", "heartbeat_slots"], "found 'heartbeat_slots', wanted NAME=VALUE"),
        (["--height", 80, "--set", "heartbeat_slots=x"], "heartbeat_slots is 'x', 1 to 1000000 wanted"),
        (["--height", 80, "--set", "heartbeat_slots=0"], "heartbeat_slots is 0, 1 to 1000000 wanted"),
        (["--height", 80, "--set", "heartbeat_slots=3", "--set", "heartbeat_slots=4"], "heartbeat_slots is given twice"),
        (["--height", 80, "--set", "slot_ms=500"], "slot_ms never changes"),
        (["--height", 60, "--set", "heartbeat_slots=3"], "60 is too soon: at least 61 wanted (the head is at 40, notice_blocks is 20)"),
        (["--set", "heartbeat_slots=3"], "--height is missing"),
        (["--height", 80, "--withdraw"], "--withdraw takes back"),
    ],
)
def test_a_wrong_vote_is_wrong_use_and_nothing_is_sent(run: Run, node: FakeNode, sender: str, arguments: list[object], words: str) -> None:
    result = run(*VOTE, *arguments, "--node", node.url)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("\n", " ").split())
    assert node.bodies == []


def test_waiting_gives_the_height(run: Run, node: FakeNode, sender: str) -> None:
    node.answers(f"/v1/transactions/{ID}", {"id": ID, "status": "pending", "height": None}, {"id": ID, "status": "final", "height": 9})
    transfer = ["tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--node", node.url, "--wait", "final"]
    assert json.loads(run(*transfer, "--json").stdout) == {"id": ID, "status": "final", "height": 9}
    assert run(*transfer).stdout == f"{ID} final at height 9\n"


def test_a_transaction_that_ends_otherwise_is_a_failure_with_its_reason(run: Run, node: FakeNode, sender: str) -> None:
    answer = {"id": ID, "status": "replaced", "height": None, "error": {"code": "replaced", "message": "by a higher fee"}}
    node.answers(f"/v1/transactions/{ID}", answer)
    result = run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--node", node.url, "--wait", "final")
    assert (result.exit_code, result.stderr) == (1, f"p2pchain: transaction {ID} is replaced: by a higher fee\n")


def test_a_timeout_is_a_failure_that_says_how_to_ask_again(run: Run, node: FakeNode, sender: str) -> None:
    node.answers(f"/v1/transactions/{ID}", {"id": ID, "status": "pending"})
    result = run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--node", node.url, "--wait", "final", "--timeout", 0)
    assert result.exit_code == 1
    assert f"p2pchain tx show {ID}" in result.stderr


def test_a_refusal_is_a_failure_with_its_code(run: Run, node: FakeNode, sender: str) -> None:
    error = {"code": "insufficient_funds", "message": "balance is 3, 5 wanted"}
    node.replace("/v1/transactions", {"results": [{"id": ID, "status": "rejected", "error": error}]})
    result = run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--node", node.url)
    assert (result.exit_code, result.stderr) == (1, "p2pchain: insufficient_funds: balance is 3, 5 wanted\n")


@pytest.mark.parametrize("to", ["nobody", "tst1qqq", TO[:-1] + ("q" if TO[-1] != "q" else "p")])
def test_a_mistyped_address_is_wrong_use_and_nothing_is_sent(run: Run, node: FakeNode, sender: str, to: str) -> None:
    result = run("tx", "transfer", "--from", "alice", "--to", to, "--amount", 5, "--node", node.url)
    assert result.exit_code == 2
    assert "bad_address" in result.stderr
    assert node.bodies == []


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "x", str(2**63)])
def test_an_amount_is_a_whole_number_above_zero(run: Run, node: FakeNode, sender: str, amount: str) -> None:
    assert run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", amount, "--node", node.url).exit_code == 2


def test_a_memo_has_its_limit_in_bytes(run: Run, node: FakeNode, sender: str) -> None:
    result = run("tx", "transfer", "--from", "alice", "--to", TO, "--amount", 5, "--memo", "ü" * 129, "--node", node.url)
    assert result.exit_code == 2
    assert "258 bytes, at most 256" in result.stderr


def test_an_unknown_key_is_told_before_the_node_is_asked(run: Run) -> None:
    result = run("tx", "transfer", "--from", "nobody", "--to", TO, "--amount", 5, "--node", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "there is no such key" in result.stderr
