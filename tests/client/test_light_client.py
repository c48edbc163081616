"""A light client among nodes that lie, each in its own way: it gets the truth from whoever tells it, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from p2pchain.chain.block import decode_header, encode_header
from p2pchain.chain.codec import encode
from p2pchain.chain.proof_files import decode_proof, encode_proof
from p2pchain.chain.state import ACCOUNTS, Account
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.types import Hash
from p2pchain.client import LightClient
from p2pchain.client.answers import Json
from p2pchain.client.light.errors import ConflictError, TrustError, UnprovenError
from tests.fakes.light_network import (
    GENESIS,
    Lie,
    LightFake,
    account_proof,
    address_of,
    block_at,
    chain,
    honest,
    light_fake,
    slot_end_s,
    transaction_proof,
)
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import make_genesis, signer

ALICE = 3001
ADDRESS = address_of(ALICE)


def account_on(disk: MemoryStore) -> Account:
    row = ACCOUNTS.load(disk, signer(ALICE).public_key)
    assert row is not None
    return row


def true_account() -> Account:
    return account_on(chain().disk)


@contextmanager
def nodes(*lies: Lie | MemoryStore) -> Iterator[list[LightFake]]:
    """A node for each: over the true chain and telling this lie, or honestly over another disk."""
    with ExitStack() as stack:
        found = [(each, honest) if isinstance(each, MemoryStore) else (chain().disk, each) for each in lies]
        yield [stack.enter_context(light_fake(disk, lie)) for disk, lie in found]


def client_of(found: list[LightFake], **arguments: Any) -> LightClient:
    arguments.setdefault("clock", lambda: slot_end_s(chain().disk))
    return LightClient(GENESIS, [node.url for node in found], timeout_s=5, **arguments)


# --- the truth


def test_the_newest_final_block_is_reached_through_changes_of_the_set_and_an_account_is_proven_there() -> None:
    with nodes(honest) as found, client_of(found) as client:
        final = client.sync()
        assert (final.height, final.hash) == (len(chain().disk.final), block_at(chain().disk, final.height).hex())
        assert final.warnings == ()
        assert 0 < final.age_s < 60
        account = client.account(ADDRESS)
        assert (account.balance, account.nonce, account.exists) == (true_account().balance, true_account().nonce, True)
        assert account.final.height == final.height
        assert client.failures == {}


def test_an_account_that_nobody_ever_paid_is_shown_not_to_be_there() -> None:
    with nodes(honest) as found, client_of(found) as client:
        account = client.account(address_of(123_456))
        assert (account.exists, account.balance, account.nonce) == (False, 0, 0)


def test_every_transaction_is_proven_also_below_what_is_known() -> None:
    with nodes(honest) as found, client_of(found) as client:
        client.sync()
        for item, place in chain().disk.locations.items():
            shown = client.transaction(item.hex())
            assert (shown.final.height, shown.index, shown.succeeded) == (place.height, place.position, True)
            assert shown.transaction.id == item


# --- lies


def altered_balance(path: str, answer: Json) -> Json:
    if not path.startswith("accounts/"):
        return answer
    proof = decode_proof(bytes.fromhex(answer["proof"]))
    assert isinstance(proof, RowProof)
    return {"proof": encode_proof(proof._replace(value=encode((10**15, 0, 0)))).hex()}


def hidden_account(path: str, answer: Json) -> Json:
    if not path.startswith("accounts/"):
        return answer
    proof = decode_proof(bytes.fromhex(answer["proof"]))
    assert isinstance(proof, RowProof)
    return {"proof": encode_proof(proof._replace(value=None)).hex()}


def anothers_account(path: str, answer: Json) -> Json:
    if not path.startswith("accounts/"):
        return answer
    return {"proof": encode_proof(account_proof(chain().disk, signer(3000).public_key)).hex()}


def forged_state(path: str, answer: Json) -> Json:
    """A header of its own over a state of its own."""
    if not path.startswith("accounts/"):
        return answer
    proof = decode_proof(bytes.fromhex(answer["proof"]))
    headers = (*proof.finality.headers[:-1], _with_root(proof.finality.headers[-1]))
    return {"proof": encode_proof(proof._replace(finality=proof.finality._replace(headers=headers))).hex()}


def forged_header(path: str, answer: Json) -> Json:
    if path == "proofs":
        for step in answer["steps"]:
            step["header"] = _with_root(bytes.fromhex(step["header"])).hex()
    return answer


def _with_root(raw: bytes) -> bytes:
    return encode_header(decode_header(raw)._replace(state_root=Hash(bytes(32))))


def omitted_change(path: str, answer: Json) -> Json:
    if path == "proofs":
        for step in answer["steps"]:
            step["sets"] = []
    return answer


def skipped_change(path: str, answer: Json) -> Json:
    if path == "proofs":
        answer["steps"] = answer["steps"][-1:]
    return answer


def withheld(path: str, answer: Json) -> Json:
    return answer | {"steps": [], "final": 10**6} if path == "proofs" else answer


def wrong_chain(path: str, answer: Json) -> Json:
    return {"chain_id": "00" * 32} if path == "status" else answer


def truncated(path: str, answer: Json) -> Json:
    if path == "proofs":
        for step in answer["steps"]:
            step["certificate"] = step["certificate"][:-20]
    return {"proof": answer["proof"][:-20]} if "proof" in answer else answer


def misshapen(path: str, answer: Json) -> Json:
    return {"steps": [{"header": 7}], "final": "x", "proof": None} if path != "status" else answer


def flood(path: str, answer: Json) -> Json:
    return answer | {"more": "x" * (9 << 20)} if path != "status" else answer


LIES: list[tuple[Lie, str]] = [
    (altered_balance, "is not what block"),
    (hidden_account, "is not what block"),
    (anothers_account, "was asked for"),
    (forged_state, "it ends at block"),
    (forged_header, "the certificate is not of confirms on block"),
    (omitted_change, "a change is left out or made up"),
    (skipped_change, "a change is left out or made up|does not follow"),
    (withheld, "shows no proof beyond"),
    (wrong_chain, "it serves chain 00"),
    (truncated, "malformed"),
    (misshapen, "wanted"),
    (flood, "an answer of more than"),
]


@pytest.mark.parametrize(("lie", "words"), LIES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_liar_is_named_with_what_is_wrong_and_the_next_node_is_asked(lie: Lie, words: str) -> None:
    with nodes(lie) as (liar,), client_of([liar]) as client, pytest.raises(UnprovenError, match=words) as caught:
        client.account(ADDRESS)
    assert liar.url in str(caught.value)
    with nodes(lie, honest) as (liar, good), client_of([liar, good]) as client:
        account = client.account(ADDRESS)
        assert (account.balance, account.node) == (true_account().balance, good.url)
        assert list(client.failures) == [liar.url]


def test_an_old_balance_is_not_taken_for_the_newest() -> None:
    """A node that stands still, or hides the last payment: every proof of it is true, and old."""
    old = chain().earlier
    assert account_on(old) != true_account()
    with nodes(old, honest) as (still, good), client_of([still, good]) as client:
        client.sync()
        account = client.account(ADDRESS)
        assert (account.balance, account.node) == (true_account().balance, good.url)
        assert "behind" in str(client.failures[still.url])
    with nodes(old) as found, client_of(found) as client:
        assert client.sync().height == len(old.final)


def test_nobody_answers_and_all_are_named() -> None:
    with LightClient(GENESIS, ["http://127.0.0.1:1", "http://127.0.0.1:2"], timeout_s=1) as client, pytest.raises(UnprovenError) as caught:
        client.sync()
    assert "127.0.0.1:1" in str(caught.value)
    assert "127.0.0.1:2" in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"chain_id": "\xff"}'])
def test_what_is_no_answer_at_all_is_told_in_a_line(raw: bytes) -> None:
    with nodes(honest) as found, client_of(found) as client:
        found[0].raw = raw
        with pytest.raises(UnprovenError) as caught:
            client.sync()
    assert "\n" not in str(caught.value)


def altered_transaction(path: str, answer: Json) -> Json:
    """Another transaction of another block, true in itself."""
    if not path.startswith("transactions/"):
        return answer
    first, second = sorted(chain().disk.locations)[:2]
    other = second if path.startswith(f"transactions/{first.hex()}") else first
    return {"proof": encode_proof(transaction_proof(chain().disk, other)).hex()}


def moved_transaction(path: str, answer: Json) -> Json:
    if not path.startswith("transactions/"):
        return answer
    proof = decode_proof(bytes.fromhex(answer["proof"]))
    assert isinstance(proof, TransactionProof)
    return {"proof": encode_proof(proof._replace(position=proof.position + 1, total=proof.total + 1)).hex()}


@pytest.mark.parametrize(("lie", "words"), [(altered_transaction, "was asked for"), (moved_transaction, "transaction proof")])
def test_a_transaction_in_another_place_or_another_transaction_is_refused(lie: Lie, words: str) -> None:
    item = min(chain().disk.locations).hex()
    with nodes(lie, honest) as (liar, good), client_of([liar, good]) as client:
        assert client.transaction(item).node == good.url
        assert words in str(client.failures[liar.url])


def test_a_transaction_that_is_nowhere_is_unproven() -> None:
    with nodes(honest) as found, client_of(found) as client, pytest.raises(UnprovenError, match="it is not here"):
        client.transaction("ab" * 32)


# --- two chains


def test_two_conflicting_final_blocks_are_told_with_evidence_and_nothing_is_believed(tmp_path: Path) -> None:
    """More than a third of the delegates signed twice: both chains are proven, and they are not the same."""
    fork = chain(2).disk
    kept = tmp_path / "light.json"
    with nodes(honest, fork) as (one, other), client_of([one, other], store=kept) as client, pytest.raises(ConflictError) as caught:
        client.sync()
    error = caught.value
    assert set(error.nodes) == {one.url, other.url}
    assert len(error.evidence["signed_both"]) >= 2
    assert error.evidence["first"]["hash"] != error.evidence["second"]["hash"]
    assert json.dumps(error.evidence)
    assert not kept.exists()


# --- trust


def test_a_trusted_block_is_where_the_client_begins(tmp_path: Path) -> None:
    height = 12
    trusted = f"{height}:{block_at(chain().disk, height).hex()}"
    with nodes(honest) as found, client_of(found, trusted=trusted) as client:
        assert client.final is None
        assert client.sync().height == len(chain().disk.final)
        assert found[0].asked.count("proofs/12") == 1
        below = next(item for item, place in chain().disk.locations.items() if place.height < 10)
        with pytest.raises(TrustError, match="below the trusted block 12"):
            client.transaction(below.hex())


def test_a_node_cannot_choose_the_trusted_block() -> None:
    with nodes(honest) as found, client_of(found, trusted="12:" + "00" * 32) as client, pytest.raises(UnprovenError, match="is trusted"):
        client.sync()


@pytest.mark.parametrize("trusted", ["", "12", "12:00", "x:" + "00" * 32, "-1:" + "00" * 32, "1:" + "zz" * 32])
def test_a_trusted_block_that_is_none_is_refused_at_once(trusted: str) -> None:
    with pytest.raises(TrustError, match="wanted HEIGHT:HASH"):
        LightClient(GENESIS, ["http://127.0.0.1:1"], trusted=trusted)


def test_what_was_proven_is_kept_and_the_chain_is_not_followed_twice(tmp_path: Path) -> None:
    kept = tmp_path / "light.json"
    with nodes(honest) as found:
        with client_of(found, store=kept) as client:
            final = client.sync()
        with client_of([*found], store=kept) as client:
            known = client.final
            assert known is not None
            assert (known.height, known.hash) == (final.height, final.hash)
    with nodes(chain().earlier) as found, client_of(found, store=kept) as client, pytest.raises(UnprovenError):
        client.sync()


Spoil = Callable[[str], str]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[: len(text) // 2], "cannot be used"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "it has format 9"),
        (lambda text: text.replace(GENESIS.chain_id.hex(), "00" * 32), "it is of chain 00"),
        (lambda _: "[]", "an object wanted"),
    ],
)
def test_a_kept_file_that_cannot_be_used_is_refused_with_the_next_step(tmp_path: Path, spoil: Spoil, words: str) -> None:
    kept = tmp_path / "light.json"
    with nodes(honest) as found, client_of(found, store=kept) as client:
        client.sync()
    kept.write_text(spoil(kept.read_text()))
    with pytest.raises(TrustError, match=words) as caught:
        LightClient(GENESIS, ["http://127.0.0.1:1"], store=kept)
    assert "move it away" in str(caught.value)


def test_a_kept_file_that_begins_elsewhere_is_not_overruled(tmp_path: Path) -> None:
    kept = tmp_path / "light.json"
    with nodes(honest) as found, client_of(found, store=kept) as client:
        client.sync()
    with pytest.raises(TrustError, match="name another file, or remove this one"):
        LightClient(GENESIS, ["http://127.0.0.1:1"], store=kept, trusted="12:" + "00" * 32)


# --- time


def test_a_final_block_that_is_old_is_told_to_be() -> None:
    late = slot_end_s(chain().disk) + 3_600
    with nodes(honest) as found, client_of(found, clock=lambda: late) as client:
        (warning,) = client.sync().warnings
    assert "60 minutes old" in warning


def test_a_clock_that_is_behind_is_told_to_be() -> None:
    early = slot_end_s(chain().disk) - 60
    with nodes(honest) as found, client_of(found, clock=lambda: early) as client:
        (warning,) = client.sync().warnings
    assert "set the clock" in warning


def test_a_chain_that_was_followed_from_long_ago_is_told_to_be_for_ever(tmp_path: Path) -> None:
    """Weak subjectivity: the delegates of then have their stake back and may sign anything."""
    unbonding_s = GENESIS.params.unbonding_slots * GENESIS.params.slot_ms / 1000
    kept = tmp_path / "light.json"
    late = slot_end_s(chain().disk) + 2 * unbonding_s
    with nodes(honest) as found:
        with client_of(found, store=kept, clock=lambda: late) as client:
            assert any("nothing to lose" in warning for warning in client.sync().warnings)
        with client_of(found, store=kept) as client:
            known = client.final
            assert known is not None
            assert any("nothing to lose" in warning for warning in known.warnings)


def test_more_nodes_than_can_be_asked_are_refused() -> None:
    with pytest.raises(TrustError, match="1 to 16 wanted"):
        LightClient(make_genesis(), [])
