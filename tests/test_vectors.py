"""The golden vectors: today's code makes them again to the byte and reads them back, and so does who never saw our code.

The tests named "by_formula" use hashlib, libsodium and a plain MessagePack reader, as docs/protocol.md tells it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgpack
import pytest
from nacl.signing import SigningKey, VerifyKey
from noise.connection import Keypair, NoiseConnection

from p2pchain.chain.actions import KINDS
from p2pchain.chain.active_set import decode_set
from p2pchain.chain.address import decode_address, decode_bech32m, encode_address, encode_bech32m
from p2pchain.chain.block import Block, decode_envelope
from p2pchain.chain.codec import decode
from p2pchain.chain.crypto import Domain, KeySigner, verify_batch
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.following import Point, Step, follow
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.schedule import Schedule, quorum
from p2pchain.chain.state import ACCOUNTS, DELEGATES, GLOBALS, STAKES, ActiveDelegate, Changes, Globals, Ledger, StackedView
from p2pchain.chain.terms import Terms
from p2pchain.chain.transaction import decode_transaction, fee_min, signature_checks
from p2pchain.chain.transition import Draft, Parent, Place, execute, run_transaction
from p2pchain.chain.types import AccountId, BlockId, ChainId, Hash, Height, Slot
from p2pchain.chain.votes import Subject, ballot_checks, certificate_checks, certificate_hash, decode_ballot, decode_certificate
from p2pchain.wire.errors import Reason, RemoteViolation
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.handshake import Handshake, make_credentials
from p2pchain.wire.messages import BY_TYPE, MESSAGES
from p2pchain.wire.peer_record import decode_record, is_genuine
from tests.vectors.generate import FILES, path_of, text_of

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PROTOCOL = ROOT / "docs" / "protocol.md"
ALL_TYPES = frozenset(BY_TYPE)
Case = dict[str, Any]


@cache
def vectors(name: str) -> Case:
    return cast("Case", json.loads(path_of(name).read_text(encoding="utf-8")))


def cases(name: str, key: str) -> list[Any]:
    return [pytest.param(case, id=case.get("name") or f"{key} {place}") for place, case in enumerate(vectors(name)[key])]


@cache
def genesis() -> Genesis:
    """From the file, not from the generator."""
    file = vectors("genesis")
    return Genesis(
        file["name"],
        file["address_prefix"],
        file["genesis_ms"],
        Params(**file["params"]),
        tuple(GenesisAccount(bytes.fromhex(item["account"]), int(item["balance"])) for item in file["accounts"]),
        tuple(
            GenesisDelegate(
                bytes.fromhex(item["account"]), bytes.fromhex(item["consensus_key"]), item["commission_bps"], int(item["stake"])
            )
            for item in file["delegates"]
        ),
    )


SPEC = genesis().spec()
CHAIN_ID = ChainId(SPEC.chain_id)


def hashed(domain: str, data: bytes) -> str:
    return hashlib.sha256(f"p2pchain/{domain}/1".encode() + b"\x00" + data).hexdigest()


def unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data)


# --- the files


@pytest.mark.parametrize("name", FILES)
def test_todays_code_makes_the_committed_file_to_the_byte(name: str) -> None:
    assert path_of(name).read_text(encoding="utf-8") == text_of(name)


def test_every_file_of_vectors_is_made_by_the_generator() -> None:
    assert {path.stem for path in path_of("keys").parent.glob("*.json")} == set(FILES)


# --- keys, addresses, genesis


@pytest.mark.parametrize("case", cases("keys", "keys"))
def test_an_address_stands_for_the_public_key(case: Case) -> None:
    account = AccountId(bytes.fromhex(case["public_key"]))
    assert bytes(SigningKey(bytes.fromhex(case["seed"])).verify_key) == account
    assert encode_address("p2p", account) == case["address"]
    assert decode_address("p2p", case["address"]) == account
    assert decode_address("p2p", case["address"].upper()) == account


@pytest.mark.parametrize("case", cases("keys", "invalid_addresses"))
def test_a_wrong_address_is_refused(case: Case) -> None:
    with pytest.raises(Invalid) as caught:
        decode_address("p2p", case["text"])
    assert caught.value.code == case["code"]


# https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki, test vectors for Bech32m
BIP_350_VALID = ("A1LQFN3A", "a1lqfn3a", "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "?1v759aa", "11" + "l" * 83 + "udsr8")
BIP_350_INVALID = ("M1VUXWEZ", "16plkw9", "1p2gdwpf", "y1b0jsk6g", "lt1igcx5c0", "in1muywd", "mm1crxm3i", "au1s5cgom", "qyrz8wqd2c9m")


@pytest.mark.parametrize("text", BIP_350_VALID)
def test_the_valid_texts_of_bip_350_are_read_and_written_again(text: str) -> None:
    prefix, values = decode_bech32m(text)
    assert encode_bech32m(prefix, values) == text.lower()


@pytest.mark.parametrize("text", BIP_350_INVALID)
def test_the_invalid_texts_of_bip_350_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        decode_bech32m(text)


def test_the_genesis_of_the_file_has_its_chain_id_and_state_root() -> None:
    file = vectors("genesis")
    assert genesis().encode().hex() == file["encoding"]
    assert genesis().chain_id.hex() == file["chain_id"]
    assert genesis().changes().state_root.hex() == file["state_root"]


def test_chain_id_and_genesis_root_by_formula() -> None:
    file = vectors("genesis")
    assert file["chain_id"] == hashed("genesis", bytes.fromhex(file["encoding"]))
    assert file["chain_tag"] == file["chain_id"][:16]
    assert file["state_root"] == root_by_formula(dict(file["rows"]))
    params, accounts, delegates = unpacked(bytes.fromhex(file["encoding"]))[3:]
    assert params == list(file["params"].values())
    assert [[account.hex(), str(balance)] for account, balance in accounts] == [list(item.values()) for item in file["accounts"]]
    assert [item[0].hex() for item in delegates] == sorted(item["account"] for item in file["delegates"])


def root_by_formula(rows: dict[str, str]) -> str:
    """Section 7 word for word."""
    entries = sorted(hashed("state-key", bytes.fromhex(key)) + hashed("state-value", bytes.fromhex(value)) for key, value in rows.items())
    return node_by_formula(entries, 0) if entries else bytes(32).hex()


def node_by_formula(entries: list[str], depth: int) -> str:
    if len(entries) <= 32:
        return hashed("state-node", bytes.fromhex("00" + "".join(entries)))
    below = [[entry for entry in entries if entry[depth] == letter] for letter in "0123456789abcdef"]
    return hashed("state-node", bytes.fromhex("01" + "".join(node_by_formula(part, depth + 1) if part else "00" * 32 for part in below)))


# --- transactions


def as_json(value: object) -> object:
    """As JSON has it: bytes as hex, tuples as arrays."""
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", cases("transactions", "transactions"))
def test_a_transaction_is_read_as_it_was_written(case: Case) -> None:
    transaction = decode_transaction(bytes.fromhex(case["raw"]), SPEC)
    assert transaction.sender.hex() == case["sender"]
    assert (transaction.nonce, transaction.valid_until, transaction.fee) == (case["nonce"], case["valid_until"], int(case["fee"]))
    assert transaction.id.hex() == case["id"]
    assert fee_min(transaction, SPEC.genesis_params) == int(case["fee_min"])
    assert all(verify_batch(signature_checks(transaction, CHAIN_ID)))
    for action, shown in zip(transaction.actions, case["actions"], strict=True):
        assert (shown["kind"], shown["name"]) == (action.KIND, action.NAME)
        for name, value in action._asdict().items():
            assert as_json(value) == (int(shown[name]) if name == "amount" else shown[name])


@pytest.mark.parametrize("case", cases("transactions", "transactions"))
def test_a_transaction_by_formula(case: Case) -> None:
    body, signature = unpacked(bytes.fromhex(case["raw"]))
    assert body.hex() == case["body"]
    assert case["id"] == hashed("transaction", body)
    message = b"p2pchain/transaction/1\x00" + CHAIN_ID + body
    assert message.hex() == case["message"]
    VerifyKey(bytes.fromhex(case["sender"])).verify(message, signature)
    assert int(case["fee_min"]) == len(case["raw"]) // 2 + case["work"]


def test_the_vectors_hold_every_kind_of_action() -> None:
    assert {action["kind"] for case in vectors("transactions")["transactions"] for action in case["actions"]} == {k.KIND for k in KINDS}


@pytest.mark.parametrize("case", cases("invalid_transactions", "transactions"))
def test_an_invalid_transaction_is_refused_at_its_stage_with_its_code(case: Case) -> None:
    raw = bytes.fromhex(case["raw"])
    if case["stage"] == "decode":
        with pytest.raises(Refusal) as caught:
            decode_transaction(raw, SPEC)
        assert_refused(caught.value, case)
        return
    transaction = decode_transaction(raw, SPEC)
    assert all(verify_batch(signature_checks(transaction, CHAIN_ID))) == (case["stage"] != "signature")
    ledger, place = Ledger(genesis().changes()), Place(SPEC, SPEC.genesis_params, 1, case["slot"])
    if case["stage"] == "block":
        with pytest.raises(Refusal) as caught:
            run_transaction(ledger, transaction, place)
        assert_refused(caught.value, case)
    if case["stage"] == "charged":
        before = ledger.account(transaction.sender)
        assert (case["family"], case["code"]) == ("charged", run_transaction(ledger, transaction, place))
        ledger.keep()
        assert list(ledger.changes(genesis().changes().state_root).rows) == [b"A" + transaction.sender]
        assert ledger.account(transaction.sender) == before._replace(balance=before.balance - transaction.fee, nonce=before.nonce + 1)


def assert_refused(refusal: Refusal, case: Case) -> None:
    assert refusal.code == case["code"]
    assert isinstance(refusal, {"invalid": Invalid, "not_yet": NotYet}[case["family"]])


# --- merkle roots, schedules


@pytest.mark.parametrize("case", vectors("merkle")["roots"], ids=lambda case: f"of {case['count']}")
def test_a_merkle_root(case: Case) -> None:
    ids = [bytes.fromhex(item) for item in vectors("merkle")["ids"][: case["count"]]]
    assert merkle_root(ids).hex() == case["root"] == merkle_by_formula(ids)


def merkle_by_formula(ids: list[bytes]) -> str:
    return hashed("transactions", len(ids).to_bytes(8, "big") + bytes.fromhex(tree_by_formula(ids))) if ids else bytes(32).hex()


def tree_by_formula(ids: list[bytes]) -> str:
    """RFC 6962, section 2.1, by its recursive definition: split at the largest power of two below the length."""
    if len(ids) < 2:
        return hashed("transaction-leaf", ids[0])
    middle = 1 << (len(ids) - 1).bit_length() - 1
    return hashed("transaction-node", bytes.fromhex(tree_by_formula(ids[:middle]) + tree_by_formula(ids[middle:])))


@pytest.mark.parametrize("case", cases("schedules", "orders"))
def test_the_order_of_rounds(case: Case) -> None:
    accounts = [bytes.fromhex(item) for item in case["active"]]
    active = tuple(ActiveDelegate(item, item, 1) for item in accounts)
    schedule = Schedule(
        Globals(case["round"], case["round_start_slot"], bytes.fromhex(case["seed"]), bytes(32), active, 0, 0, 0), Terms(1, Params())
    )
    for place, turn in enumerate(case["turns"]):
        found = schedule.turn(turn["slot"])
        assert (found.round, found.delegate.account.hex()) == (turn["round"], turn["account"])
        salt = bytes.fromhex(case["seed"]) + turn["round"].to_bytes(8, "big")
        by_formula = sorted(accounts, key=lambda item, salt=salt: hashed("shuffle", salt + item))  # type: ignore[misc]
        assert by_formula[place % len(accounts)].hex() == turn["account"]


def test_a_quorum_is_more_than_two_thirds() -> None:
    for case in vectors("schedules")["quorums"]:
        members = case["members"]
        assert quorum(members) == case["quorum"] == min(n for n in range(members + 1) if 3 * n > 2 * members)


# --- the chain


def read_block(raw: bytes) -> Block:
    envelope = decode_envelope(raw)
    return envelope.with_transactions([decode_transaction(item, SPEC) for item in envelope.transactions])


def test_the_six_blocks_give_the_committed_state_roots() -> None:
    changes, schedule, layers, slot = genesis().changes(), genesis().schedule(), [genesis().changes()], 0
    parent_id = genesis().block_id
    for shown in vectors("chain")["blocks"]:
        block = read_block(bytes.fromhex(shown["raw"]))
        assert block.id.hex() == shown["id"]
        assert block.header.parent == parent_id
        assert block.header.producer == schedule.turn(block.header.slot).delegate.consensus_key
        view = StackedView(layers, Changes({}, changes.state_root))
        executed = execute(
            Parent(block.header.height - 1, slot, changes.state_root, schedule, view), Draft.of(block), block.transactions, SPEC
        )
        changes, schedule, slot, parent_id = executed.changes, executed.schedule, block.header.slot, block.id
        layers = [changes, *layers]
        assert changes.state_root == block.header.state_root
        assert [[key.hex(), row.hex()] for key, row in changes.rows.items()] == shown["rows"]
        assert [member.account.hex() for member in schedule.active] == shown["globals"]["active"]


def test_the_six_blocks_by_formula() -> None:
    file = vectors("genesis")
    parent, rows, seed = file["chain_id"], dict(file["rows"]), file["chain_id"]
    for height, shown in enumerate(vectors("chain")["blocks"], 1):
        header_raw, signature, certificate, transactions = unpacked(bytes.fromhex(shown["raw"]))
        header = unpacked(header_raw)
        assert shown["id"] == hashed("block", header_raw)
        assert header[:2] == [1, height]
        assert header[3].hex() == parent
        rows.update(shown["rows"])
        assert header[5].hex() == root_by_formula(rows)
        ids = [hashed("transaction", unpacked(raw)[0]) for raw in transactions]
        assert ids == shown["transaction_ids"]
        assert header[6].hex() == merkle_by_formula([bytes.fromhex(item) for item in ids])
        assert header[7].hex() == (hashed("certificate", certificate) if certificate else bytes(32).hex())
        VerifyKey(header[4]).verify(b"p2pchain/block/1\x00" + CHAIN_ID + header_raw, signature)
        seed = hashed("seed", bytes.fromhex(seed) + header[2].to_bytes(8, "big") + header[8])
        assert shown["globals"]["next_seed"] == seed
        parent = shown["id"]


def test_the_six_blocks_show_what_they_are_made_for() -> None:
    blocks = [shown["globals"] for shown in vectors("chain")["blocks"]]
    assert [totals["round"] for totals in blocks] == [0, 0, 1, 1, 4, 4]
    assert blocks[1]["active"] != blocks[2]["active"], "the round's last block changes the set"
    rows = {key: row for shown in vectors("chain")["blocks"] for key, row in shown["rows"]}
    delegates = [DELEGATES.decode(bytes.fromhex(row)) for key, row in rows.items() if key.startswith("44")]
    assert sum(row.missed for row in delegates) == 1, (
        "slot 3 is a miss; slots 6, 9 and 12 stayed empty in one gap, by more delegates than may fail: an outage"
    )
    assert [(row.convicted_slot, row.offence_slot) for row in delegates if row.convicted_slot] == [(14, 12)]
    assert unpacked(bytes.fromhex(rows[b"F".hex()])) == [6, [[1, "known_evidence"]]]


def test_no_coin_is_made_or_lost_but_by_the_rewards() -> None:
    rows = dict(genesis().changes().rows)
    for shown in vectors("chain")["blocks"]:
        rows |= {bytes.fromhex(key): bytes.fromhex(row) for key, row in shown["rows"]}
    balances = sum(ACCOUNTS.decode(row).balance for key, row in rows.items() if key[:1] == b"A")
    stakes = [STAKES.decode(row) for key, row in rows.items() if key[:1] == b"S"]
    staked = sum(DELEGATES.decode(row).stake for key, row in rows.items() if key[:1] == b"D")
    unbonding = sum(entry.amount for each in stakes for entry in each.unbonding)
    pools = sum(DELEGATES.decode(row).reward_pool for key, row in rows.items() if key[:1] == b"D")
    totals = GLOBALS.decode(rows[b"G"])
    assert balances + staked + unbonding + pools == totals.issued - totals.burned
    assert totals.total_stake == staked
    assert totals.issued == genesis().issued + 6 * SPEC.genesis_params.reward_per_block


@pytest.mark.parametrize("case", cases("invalid_blocks", "blocks"))
def test_an_invalid_block_is_refused(case: Case) -> None:
    with pytest.raises(Invalid) as caught:
        read_block(bytes.fromhex(case["raw"]))
    assert caught.value.code == case["code"]


# --- following by certificates


def step_of(case: Case) -> Step:
    return Step(bytes.fromhex(case["header"]), bytes.fromhex(case["certificate"]), tuple(map(bytes.fromhex, case["sets"])))


def point_of(height: int) -> Point:
    shown = vectors("following")["points"][height]
    subject = Subject(Slot(shown["slot"]), Height(shown["height"]), BlockId(Hash(bytes.fromhex(shown["block"]))))
    return Point(subject, decode_set(bytes.fromhex(shown["set"])))


@pytest.mark.parametrize("case", cases("following", "steps"))
def test_a_step_leads_where_it_says(case: Case) -> None:
    assert follow(point_of(case["from"]), step_of(case), ChainId(genesis().chain_id)) == point_of(case["to"])


@pytest.mark.parametrize("case", cases("following", "invalid"))
def test_an_invalid_step_is_refused(case: Case) -> None:
    with pytest.raises(Invalid) as caught:
        follow(point_of(case["from"]), step_of(case), ChainId(genesis().chain_id))
    assert caught.value.code == case["code"]


def test_the_id_of_a_set_by_formula() -> None:
    sets = vectors("following")["sets"]
    assert [unpacked(bytes.fromhex(shown["raw"]))[0] for shown in sets] == list(range(len(sets)))
    for shown in sets:
        packed = msgpack.packb([shown["number"], shown["since"], bytes.fromhex(shown["before"]), bytes.fromhex("".join(shown["keys"]))])
        assert packed.hex() == shown["raw"]
        assert hashlib.sha256(b"p2pchain/set/1\0" + packed).hexdigest() == shown["id"]
    assert [shown["before"] for shown in sets] == ["00" * 32, *(shown["id"] for shown in sets[:-1])]
    named = [shown["header"]["set_id"] for shown in vectors("chain")["blocks"]]
    assert list(dict.fromkeys([sets[0]["id"], *named])) == [shown["id"] for shown in sets]


# --- ballots, certificates, frames


@pytest.mark.parametrize("case", cases("ballots", "ballots"))
def test_a_ballot(case: Case) -> None:
    ballot = decode_ballot(decode(bytes.fromhex(case["raw"]), what="ballot"))
    assert (ballot.kind, ballot.voter.hex()) == (case["kind"], case["voter"])
    assert (ballot.subject.slot, ballot.subject.height, ballot.subject.block.hex()) == (case["slot"], case["height"], case["block"])
    assert all(verify_batch(ballot_checks(ballot, CHAIN_ID)))
    domain = {1: b"p2pchain/vote/1\x00", 2: b"p2pchain/confirm/1\x00"}[case["kind"]]
    message = domain + CHAIN_ID + msgpack.packb([case["slot"], case["height"], bytes.fromhex(case["block"])])
    assert message.hex() == case["message"]
    VerifyKey(ballot.voter).verify(message, bytes.fromhex(case["signature"]))


@pytest.mark.parametrize("case", cases("certificates", "certificates"))
def test_a_certificate(case: Case) -> None:
    certificate = decode_certificate(bytes.fromhex(case["raw"]))
    assert [[key.hex(), value.hex()] for key, value in certificate.signatures.items()] == [list(s.values()) for s in case["signatures"]]
    assert all(verify_batch(certificate_checks(certificate, CHAIN_ID)))
    assert certificate_hash(certificate.raw).hex() == case["hash"] == hashed("certificate", certificate.raw)


@pytest.mark.parametrize("case", cases("certificates", "invalid_certificates"))
def test_an_invalid_certificate_is_refused(case: Case) -> None:
    with pytest.raises(Invalid) as caught:
        decode_certificate(bytes.fromhex(case["raw"]))
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("frames", "frames"))
def test_a_frame_is_read_whole_and_byte_by_byte_and_written_again(case: Case) -> None:
    frame = bytes.fromhex(case["frame"])
    whole, dripping = FrameReader(), FrameReader()
    whole.feed(frame)
    message = whole.next_message(ALL_TYPES)
    assert message is not None
    assert (type(message).__name__, message.TYPE, message.BYTES_MAX) == (case["name"], case["type"], case["body_bytes_max"])
    assert encode_frame(message) == frame
    for byte in frame[:-1]:
        dripping.feed(bytes((byte,)))
        assert dripping.next_message(ALL_TYPES) is None
    dripping.feed(frame[-1:])
    assert dripping.next_message(ALL_TYPES) == message


def test_the_vectors_hold_a_frame_of_every_message() -> None:
    assert [case["name"] for case in vectors("frames")["frames"]] == [message.__name__ for message in MESSAGES]


@pytest.mark.parametrize("case", cases("frames", "invalid_frames"))
def test_an_invalid_frame_ends_the_connection(case: Case) -> None:
    reader = FrameReader()
    reader.feed(bytes.fromhex(case["frame"]))
    with pytest.raises(RemoteViolation):
        reader.next_message(ALL_TYPES)


# --- peer records


@pytest.mark.parametrize("case", cases("peer_records", "records"))
def test_a_record_of_the_file_is_read_and_genuine_by_formula(case: Case) -> None:
    record = decode_record(bytes.fromhex(case["record"]))
    assert is_genuine(record, CHAIN_ID)
    assert [{"host": host, "port": port} for host, port in record.endpoints] == case["endpoints"]
    assert (record.node_key.hex(), record.issued_ms, record.expires_ms) == (case["node_key"], case["issued_ms"], case["expires_ms"])
    body, signature = msgpack.unpackb(bytes.fromhex(case["record"]))
    assert body.hex() == case["body"]
    message = b"p2pchain/peer-record/1\x00" + CHAIN_ID + body
    assert message.hex() == case["signed_message"]
    VerifyKey(bytes.fromhex(case["node_key"])).verify(message, signature)


@pytest.mark.parametrize("case", cases("peer_records", "undecodable"))
def test_what_is_no_record_is_refused_with_its_code(case: Case) -> None:
    with pytest.raises(Invalid) as refusal:
        decode_record(bytes.fromhex(case["record"]))
    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("case", cases("peer_records", "not_genuine"))
def test_a_record_that_its_node_did_not_sign_for_this_chain_is_not_genuine(case: Case) -> None:
    assert not is_genuine(decode_record(bytes.fromhex(case["record"])), CHAIN_ID)


# --- the link


def test_the_link_of_the_file_is_taken_by_both_ends_and_its_records_are_opened() -> None:
    file = vectors("link")
    ends = {name: link_end(file, name) for name in ("dialler", "acceptor")}
    first, second, third = (bytes.fromhex(flight) for flight in file["flights"])
    assert ends["dialler"].take() == first
    ends["acceptor"].receive(first)
    assert ends["acceptor"].take() == second
    ends["dialler"].receive(second)
    assert ends["dialler"].take() == third
    ends["acceptor"].receive(third)
    for case in file["records"]:
        channel = ends["acceptor" if case["from"] == "dialler" else "dialler"].channel
        assert channel is not None
        assert b"".join(channel.open(bytes.fromhex(case["record"]))).hex() == case["content"]
    assert {name: end.node_key for name, end in ends.items()} == {
        "dialler": bytes.fromhex(file["acceptor"]["node_key"]),
        "acceptor": bytes.fromhex(file["dialler"]["node_key"]),
    }


def link_end(file: Case, name: str) -> Handshake:
    values = {key: bytes.fromhex(value) for key, value in file[name].items()}
    credentials = make_credentials(KeySigner(SigningKey(values["node_seed"])), CHAIN_ID, values["link_secret"])
    assert credentials.proof == values["node_key"] + values["signature"]
    return Handshake(credentials, values["ephemeral_secret"], dials=name == "dialler")


@pytest.mark.filterwarnings("ignore:One of ephemeral keypairs is already set:UserWarning")
def test_the_link_by_formula() -> None:
    """With another Noise implementation (noiseprotocol, over OpenSSL) and what docs/protocol.md says of the rest."""
    file = vectors("link")
    chain_id, version = bytes.fromhex(file["chain_id"]), file["protocol"].to_bytes(2, "big")
    assert bytes.fromhex(file["preamble"]) == b"p2pchain" + version + chain_id[:8]
    assert bytes.fromhex(file["prologue"]) == b"p2pchain" + version + chain_id
    dialler, acceptor = foreign_end(file, "dialler"), foreign_end(file, "acceptor")
    first, second, third = (bytes.fromhex(flight) for flight in file["flights"])
    preamble = bytes.fromhex(file["preamble"])
    assert preamble + dialler.write_message(b"") == first
    acceptor.read_message(first[18:])
    assert preamble + acceptor.write_message(proof_by_formula(file, "acceptor")) == second
    dialler.read_message(second[18:])
    assert dialler.write_message(proof_by_formula(file, "dialler")) == third
    acceptor.read_message(third)
    for case in file["records"]:
        sender = dialler if case["from"] == "dialler" else acceptor
        assert record_by_formula(sender, bytes.fromhex(case["content"])) == case["record"]
    case = file["new_key"]
    for _ in range(case["records_before"] - 1):
        dialler.encrypt(b"\x00")
    announcement = record_by_formula(dialler, b"")
    dialler.rekey_outbound_cipher()
    assert announcement + record_by_formula(dialler, bytes.fromhex(case["content"])) == case["records"]


def foreign_end(file: Case, name: str) -> NoiseConnection:
    end = NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_SHA256")
    end.set_as_initiator() if name == "dialler" else end.set_as_responder()
    end.set_prologue(bytes.fromhex(file["prologue"]))
    end.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(file[name]["link_secret"]))
    end.set_keypair_from_private_bytes(Keypair.EPHEMERAL, bytes.fromhex(file[name]["ephemeral_secret"]))
    end.start_handshake()
    return end


def proof_by_formula(file: Case, name: str) -> bytes:
    values = {key: bytes.fromhex(value) for key, value in file[name].items()}
    message = b"p2pchain/node-link/1\x00" + bytes.fromhex(file["chain_id"]) + values["link_key"]
    VerifyKey(values["node_key"]).verify(message, values["signature"])
    return values["node_key"] + values["signature"]


def record_by_formula(sender: NoiseConnection, content: bytes) -> str:
    sealed = bytes(sender.encrypt(content))
    return (len(sealed).to_bytes(2, "big") + sealed).hex()


# --- other hands


def transfers() -> list[Any]:
    """Those that consist of one transfer: what the examples can sign."""
    found = [case for case in vectors("transactions")["transactions"] if [action["kind"] for action in case["actions"]] == [1]]
    return [pytest.param(case, id=case["name"]) for case in found]


def order_of(case: Case) -> str:
    """What the examples read: the secret and the fields of a transfer."""
    by_public_key = {item["public_key"]: item for item in vectors("keys")["keys"]}
    (action,) = case["actions"]
    order = {name: case[name] for name in ("nonce", "valid_until", "fee")} | {name: action[name] for name in ("amount", "memo")}
    order |= {"seed": by_public_key[case["sender"]]["seed"], "to": by_public_key[action["recipient"]]["address"]}
    return json.dumps(order | {"chain_id": vectors("transactions")["chain_id"]})


def assert_signs(program: list[str], case: Case) -> None:
    done = subprocess.run(program, input=order_of(case), capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout) == {name: case[name] for name in ("body", "message", "signature", "raw", "id")}


@pytest.mark.parametrize("case", transfers())
def test_the_standalone_python_example_signs_the_same_bytes(case: Case) -> None:
    assert_signs([sys.executable, str(EXAMPLES / "sign_transfer.py")], case)


@pytest.mark.parametrize("case", transfers())
def test_the_node_js_example_signs_the_same_bytes(case: Case) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed here: its example is tested where a `node` is on the path")
    assert_signs([node, str(EXAMPLES / "sign_transfer.mjs")], case)


@pytest.mark.parametrize("program", [[sys.executable, "sign_transfer.py"], ["node", "sign_transfer.mjs"]], ids=["python", "node"])
@pytest.mark.parametrize("name", ["one letter is wrong", "31 bytes"])
def test_the_examples_refuse_a_wrong_address(program: list[str], name: str) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip("Node.js is not installed here: its example is tested where a `node` is on the path")
    (text,) = (case["text"] for case in vectors("keys")["invalid_addresses"] if case["name"] == name)
    order = json.dumps(json.loads(order_of(vectors("transactions")["transactions"][0])) | {"to": text})
    command = [program[0], str(EXAMPLES / program[1])]
    done = subprocess.run(command, input=order, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode != 0
    assert "is not an address" in done.stderr


def test_the_standalone_example_imports_nothing_of_ours() -> None:
    assert not re.search(r"^\s*(import|from) p2pchain", (EXAMPLES / "sign_transfer.py").read_text(encoding="utf-8"), re.MULTILINE)


# --- the book says what the code says


@cache
def protocol() -> str:
    return PROTOCOL.read_text(encoding="utf-8")


def assert_told(*cells: object) -> None:
    """A row of some table in docs/protocol.md begins with these cells."""
    begins = "| " + " | ".join(map(str, cells)) + " |"
    assert any(line.startswith(begins) for line in protocol().splitlines()), f"docs/protocol.md has no row {begins}"


def test_the_protocol_tells_every_action_with_its_work() -> None:
    for kind in KINDS:
        assert_told(kind.KIND, f"`{kind.NAME}`", f"{kind.WORK:,}")


def test_the_protocol_tells_every_parameter_with_its_default_and_bounds() -> None:
    for place, (name, value, low, high) in enumerate(Params().bounds(), 1):
        assert_told(place, f"`{name}`", f"{value:,}", f"{low:,}", f"{high:,}")


def test_the_protocol_tells_every_code() -> None:
    for code in Code:
        assert any(line.startswith(f"| `{code}` |") for line in protocol().splitlines()), code


def test_the_protocol_tells_every_domain() -> None:
    for domain in Domain:
        assert f"`{domain.value.decode()}`" in protocol(), domain


def test_the_protocol_tells_every_message_with_its_limit() -> None:
    for message in MESSAGES:
        assert_told(message.TYPE, f"`{message.__name__}`", f"{message.BYTES_MAX:,}")


def test_the_protocol_tells_every_goodbye() -> None:
    for reason in Reason:
        assert_told(int(reason), f"`{reason.name.lower()}`")


def test_the_worked_example_is_the_first_vector() -> None:
    case = vectors("transactions")["transactions"][0]
    shown = re.sub(r"\s", "", protocol())
    for name in ("body", "message", "signature", "raw", "id"):
        assert case[name] in shown, name
