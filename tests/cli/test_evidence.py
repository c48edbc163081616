"""Evidence on the command line: what is listed, what is sent, and what is not sent because it would cost its fee."""

from __future__ import annotations

import json
from pathlib import Path

import msgpack
import pytest

from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.transaction import decode_transaction
from tests.chain.offences import ballot_of, pair_of
from tests.cli.conftest import Run
from tests.cli.test_sending import ID, SPEC, TO, sender, sent
from tests.fakes.http_node import FakeNode
from tests.fakes.world import signer

__all__ = ["sender"]

CHAIN = SPEC.chain_id
FIRST, SECOND, KNOWN = (pair_of(signer(1000 + number), CHAIN, 9) for number in range(3))


def item(name: str, pair: tuple[bytes, bytes], *, convicted: bool = False) -> dict[str, object]:
    first, second = pair
    shown = {"id": name, "delegate": TO, "consensus_key": "ab" * 32, "signed": "vote", "slot": 9, "convicted": convicted}
    return {**shown, "first": first.hex(), "second": second.hex()}


@pytest.fixture
def listed(node: FakeNode) -> FakeNode:
    """A node that has seen three contradictions, of which one is on the chain."""
    items = [item("a-vote-9", FIRST), item("b-vote-9", SECOND), item("c-vote-9", KNOWN, convicted=True)]
    node.answers("/v1/evidence", {"evidence": items})
    return node


def test_the_list_shows_who_and_when_and_the_messages_only_as_json(run: Run, listed: FakeNode) -> None:
    shown = run("evidence", "list", "--node", listed.url).stdout
    assert "a-vote-9" in shown
    assert FIRST[0].hex() not in shown
    assert json.loads(run("evidence", "list", "--node", listed.url, "--json").stdout)["evidence"][0]["first"] == FIRST[0].hex()


def test_one_is_submitted_by_its_id(run: Run, listed: FakeNode, sender: str) -> None:
    assert run("evidence", "submit", "b-vote-9", "--from", "alice", "--node", listed.url).exit_code == 0
    assert sent(listed).actions == (SubmitEvidence(*SECOND),)


def test_all_are_submitted_that_are_not_on_the_chain(run: Run, listed: FakeNode, sender: str) -> None:
    result = run("evidence", "submit", "--all", "--from", "alice", "--node", listed.url)
    assert result.stdout == f"{ID} pending\n" * 2
    actions = [decode_transaction(msgpack.unpackb(body)[0], SPEC).actions for _, body in listed.bodies]
    assert actions == [(SubmitEvidence(*FIRST),), (SubmitEvidence(*SECOND),)]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_file_may_hold_an_item_or_the_whole_list(
    run: Run,
    node: FakeNode,
    sender: str,
    tmp_path: Path,
    *,
    wrapped: bool,
) -> None:
    content: dict[str, object] = {"first": FIRST[1].hex(), "second": FIRST[0].hex()}
    path = tmp_path / "pair.json"
    path.write_text(json.dumps({"evidence": [content]} if wrapped else content))
    assert run("evidence", "submit", path, "--from", "alice", "--node", node.url).exit_code == 0
    assert sent(node).actions == (SubmitEvidence(*FIRST),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", "cannot be read as JSON"),
        ("[]", "holds no evidence"),
        ("[7]", "holds no evidence"),
        ('{"first": "zz", "second": "00"}', "two signed messages in hex"),
        ('{"first": "00"}', "two signed messages in hex"),
        ('{"first": "00", "second": "01"}', "this convicts nobody: malformed"),
        (json.dumps({"first": FIRST[0].hex(), "second": FIRST[0].hex()}), "this convicts nobody: bad_evidence"),
        (json.dumps({"first": FIRST[0].hex(), "second": SECOND[0].hex()}), "this convicts nobody: bad_evidence"),
        (
            json.dumps({"first": FIRST[0].hex(), "second": ballot_of(signer(1000), bytes(32), 9, block=3).hex()}),
            "this convicts nobody: bad_signature",
        ),
    ],
)
def test_what_would_only_cost_its_fee_is_not_sent(
    run: Run,
    node: FakeNode,
    sender: str,
    tmp_path: Path,
    content: str,
    words: str,
) -> None:
    path = tmp_path / "pair.json"
    path.write_text(content)
    result = run("evidence", "submit", path, "--from", "alice", "--node", node.url)
    assert result.exit_code == 1
    assert words in result.stderr
    assert not node.bodies


def test_an_unknown_id_and_a_missing_choice_say_what_is_wanted(run: Run, listed: FakeNode, sender: str) -> None:
    result = run("evidence", "submit", "d-vote-9", "--from", "alice", "--node", listed.url)
    assert (result.exit_code, result.stderr) == (1, "p2pchain: the node has no evidence 'd-vote-9', and there is no such file\n")
    for arguments in ([], ["a-vote-9", "--all"]):
        result = run("evidence", "submit", *arguments, "--from", "alice", "--node", listed.url)
        assert result.exit_code == 2
        assert "either --all or one ID or FILE" in result.stderr


def test_waiting_for_a_transaction_that_fails_in_its_block_is_a_failure_with_its_reason(
    run: Run,
    listed: FakeNode,
    sender: str,
) -> None:
    error = {"code": "known_evidence", "message": "this delegate was convicted already"}
    listed.answers(f"/v1/transactions/{ID}", {"id": ID, "status": "final", "height": 9, "error": error})
    result = run("evidence", "submit", "a-vote-9", "--from", "alice", "--node", listed.url, "--wait", "final")
    assert result.exit_code == 1
    assert f"{ID} is final and failed, its fee is paid: known_evidence: this delegate was convicted already" in result.stderr
