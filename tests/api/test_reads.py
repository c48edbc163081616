from __future__ import annotations

from typing import Any

import pytest

from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.changing import Requirement
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.types import AccountId
from p2pchain.chain.votes import Kind, decode_certificate
from p2pchain.client.genesis_json import decode_params
from p2pchain.node.effects import MissReason, SlotMissed
from p2pchain.node.events import Peer
from p2pchain.node.ports import BookEntryView, BookView, PeerRefusal, PeerView
from p2pchain.node.progress import SyncView
from p2pchain.node.room import Room
from p2pchain.node.views import TransactionView
from p2pchain.wire.messages import Tips
from tests.api.fakes import BALANCE, Node, address, transfers
from tests.fakes.chain import MadeBlock, signer


def subject(made: MadeBlock) -> dict[str, object]:
    return {"height": made.subject.height, "slot": made.subject.slot, "hash": made.subject.block.hex()}


async def test_the_status_has_every_promised_name(node: Node) -> None:
    made = node.reads.grow()
    node.reads.peer_count = 3
    assert await node.get("/v1/status") == {
        "chain_id": node.reads.genesis.chain_id.hex(),
        "node_id": signer(1).public_key.hex(),
        "version": "1.2.3",
        "head": subject(made),
        "final": subject(made),
        "peers": 3,
        "syncing": False,
        "mempool": {"transactions": 7, "bytes": 1_400, "fee_per_byte_min": "3"},
        "name": "world",
        "slot": 1,
        "leader": address(2000),
        "delegate": None,
        "producing": False,
        "condition": "in step",
        "protocol": 1,
        "protocol_supported": 1,
        "requirement": None,
        "sync": None,
        "room": None,
        "clock_offset_ms": 0,
        "blocks_from": 1,
        "index": None,
        "lacking": None,
    }


async def test_how_far_a_catch_up_is_stands_in_the_status_and_the_metrics(node: Node) -> None:
    node.reads.sync = SyncView(10, 250, 1_000, 600, 12.345, 61)
    assert (await node.get("/v1/status"))["sync"] == {
        "from": 10,
        "at": 250,
        "to": 1_000,
        "proven": 600,
        "blocks_per_second": 12.3,
        "seconds_left": 61,
    }
    metrics = (await node.client.get("/metrics")).text
    assert "p2pchain_sync_target_height 1000.0" in metrics
    assert "p2pchain_sync_seconds_left 61.0" in metrics
    node.reads.sync = SyncView(10, 250, 1_000, 600, None, None)
    assert (await node.get("/v1/status"))["sync"]["seconds_left"] is None
    assert "sync_seconds_left" not in (await node.client.get("/metrics")).text


async def test_a_version_beyond_what_the_node_knows_is_shown_with_its_height(node: Node) -> None:
    node.reads.requirement = Requirement(2, 120)
    assert (await node.get("/v1/status"))["requirement"] == {"version": 2, "height": 120}
    node.reads.room = Room("/data", 90, 50, 10)
    assert (await node.get("/v1/status"))["room"] == {"free_bytes": 90, "low_bytes": 50, "end_bytes": 10}
    assert "p2pchain_protocol_required_height 120.0" in (await node.client.get("/metrics")).text


async def test_the_terms_in_force_are_shown_with_what_is_to_change_them(node: Node) -> None:
    node.reads.grow()
    node.reads.grow()
    shown = await node.get("/v1/params?at=final")
    params = node.reads.genesis.params
    assert shown["params"] == {name: value for name, value, _, _ in params.bounds()}
    assert decode_params(shown["params"]) == params
    assert (shown["version"], shown["votes_needed"], shown["height"]) == (1, 3, 2)
    assert shown["scheduled"] == [{"height": 90, "version": 1, "values": {"heartbeat_slots": 30, "fee_per_byte": 2}}]
    assert shown["proposals"] == [{"height": 95, "version": 2, "values": {}, "voters": [address(2000), address(2001)]}]
    assert (await node.get("/v1/schedule"))["turns"][params.delegates - 1]


async def test_an_account_shows_amounts_as_text_and_says_as_of_when(node: Node) -> None:
    final = node.reads.grow()
    node.reads.head = node.reads.maker.extend(final)
    shown = await node.get(f"/v1/accounts/{address(3000)}")
    assert shown["address"] == address(3000)
    assert shown["balance"] == str(2**60)
    assert (shown["nonce"], shown["next_nonce"]) == (3, 5)
    assert shown["stake"] == str(10**17 + 5_000)
    assert shown["positions"][0] == {"delegate": address(2000), "amount": "5000", "reward": "17"}
    assert shown["unbonding"] == [{"amount": "40", "release_slot": 99}]
    assert shown["delegate"]["stake"].isdigit()
    assert shown["height"] == 2
    assert (await node.get(f"/v1/accounts/{address(3000)}?at=final"))["height"] == 1


async def test_an_account_that_nobody_used_is_empty(node: Node) -> None:
    shown = await node.get(f"/v1/accounts/{address(77)}")
    assert (shown["balance"], shown["nonce"], shown["stake"], shown["positions"], shown["delegate"]) == ("0", 0, "0", [], None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "not an address"),
        ("test1qqqqqq", "checksum"),
        (address(3000)[:-1] + "q", "checksum"),
        ("%C3%A4%C3%A4", "letter"),
        ("x" * 5_000, "not an address"),
    ],
)
async def test_a_bad_address_is_refused_with_its_reason(node: Node, text: str, words: str) -> None:
    error = await node.refused(f"/v1/accounts/{text}")
    assert error["code"] == "bad_address"
    assert words in error["message"]


async def test_an_address_of_another_network_is_refused_with_evidence(node: Node) -> None:
    error = await node.refused(f"/v1/accounts/{encode_address('other', AccountId(signer(1).public_key))}")
    assert (error["found"], error["wanted"]) == ("other", "p2p")


async def test_a_block_is_found_by_height_hash_and_tip(node: Node) -> None:
    first, second = node.reads.grow(transfers=2), node.reads.grow()
    node.reads.head = node.reads.maker.extend(second)
    by_height = await node.get("/v1/blocks/1")
    assert by_height == await node.get(f"/v1/blocks/{first.subject.block.hex()}")
    assert by_height["hash"] == first.subject.block.hex()
    assert by_height["transactions"] == [item.id.hex() for item in first.made.transactions]
    assert by_height["parent"] == node.reads.genesis.block_id.hex()
    assert by_height["producer"] == first.made.header.producer.hex()
    assert by_height["state_root"] == first.made.header.state_root.hex()
    assert (by_height["certificate"], by_height["votes"], by_height["status"]) == (None, None, "final")
    assert (await node.get("/v1/blocks/final"))["height"] == 2
    head = await node.get("/v1/blocks/head")
    assert (head["height"], head["status"], head["votes"]["kind"]) == (3, "unfinal", "vote")


async def test_a_block_comes_with_the_proof_that_it_is_final(node: Node) -> None:
    made = node.reads.grow(transfers=1)
    confirms = (await node.get("/v1/blocks/1"))["confirms"]
    proof = decode_certificate(bytes.fromhex(confirms["raw"]))
    assert (proof.kind, proof.subject) == (Kind.CONFIRM, made.subject)
    assert confirms["voters"] == [key.hex() for key in proof.signatures]


@pytest.mark.parametrize("text", ["-1", "1.5", "latest", "ab" * 31, "zz" * 32, "0x10", "%20", "1" * 20, "²"])
async def test_a_reference_that_names_no_block_is_refused(node: Node, text: str) -> None:
    error = await node.refused(f"/v1/blocks/{text}")
    assert error["code"] == "bad_parameter"
    assert "a height" in error["wanted"]


@pytest.mark.parametrize("text", ["0", "9", "00" * 32, "head", "final"])
async def test_an_unknown_block_is_not_found(node: Node, text: str) -> None:
    assert (await node.refused(f"/v1/blocks/{text}", 404))["code"] == "unknown_block"


async def test_blocks_are_listed_from_a_height_on(node: Node) -> None:
    for _ in range(60):
        node.reads.grow()
    answer = await node.get("/v1/blocks?from=11&limit=45")
    assert [block["height"] for block in answer["blocks"]] == list(range(11, 56))
    assert answer["next"] == 56
    assert len((await node.get("/v1/blocks"))["blocks"]) == 20
    assert await node.get("/v1/blocks?from=61") == {"blocks": [], "next": 61}


async def test_a_list_of_large_blocks_is_cut_short_and_says_where_to_go_on(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pchain.api.blocks._LISTED_TRANSACTIONS_MAX", 5)
    for _ in range(4):
        node.reads.grow(transfers=3)
    answer = await node.get("/v1/blocks?limit=4")
    assert [block["height"] for block in answer["blocks"]] == list(range(1, answer["next"]))
    assert answer["next"] < 5


async def test_delegates_are_listed(node: Node) -> None:
    delegates = (await node.get("/v1/delegates?at=final"))["delegates"]
    assert len(delegates) == 4
    assert set(delegates[0]) == {
        "address",
        "consensus_key",
        "commission_bps",
        "stake",
        "weight",
        "active",
        "retired",
        "produced",
        "missed",
        "convicted",
        "slashed_bps",
        "missed_in_row",
        "demoted",
        "standing",
        "rank",
        "last_ballot_slot",
        "last_miss",
    }


async def test_evidence_is_listed_ready_to_be_submitted(node: Node) -> None:
    delegate = node.reads.genesis.delegates[0]
    assert (await node.get("/v1/evidence"))["evidence"] == [
        {
            "id": f"{delegate.consensus_key.hex()[:16]}-vote-9",
            "delegate": encode_address("p2p", AccountId(delegate.account)),
            "consensus_key": delegate.consensus_key.hex(),
            "signed": "vote",
            "slot": 9,
            "convicted": False,
            "first": b"1".hex(),
            "second": b"2".hex(),
        }
    ]


async def test_misses_are_listed_newest_first_and_with_their_delegate(node: Node) -> None:
    account = signer(2000).public_key
    node.reads.missed = [SlotMissed(4, account, MissReason.EMPTY, ""), SlotMissed(9, account, MissReason.REFUSED, "wrong_reveal")]
    first = {"slot": 9, "delegate": address(2000), "reason": "refused", "code": "wrong_reveal"}
    second = {"slot": 4, "delegate": address(2000), "reason": "empty", "code": None}
    assert (await node.get("/v1/misses"))["misses"] == [first, second]
    assert (await node.get("/v1/misses?limit=1"))["misses"] == [first]
    delegates = {item["address"]: item for item in (await node.get("/v1/delegates"))["delegates"]}
    assert delegates[address(2000)]["last_miss"] == first
    assert delegates[address(2001)]["last_miss"] is None


async def test_the_schedule_shows_one_round_unless_asked_for_more(node: Node) -> None:
    shown = await node.get("/v1/schedule")
    assert [turn["slot"] for turn in shown["turns"]] == [1, 2, 3, 4]
    assert shown["turns"][0]["starts_ms"] == node.reads.genesis.genesis_ms
    assert shown["turns"][0]["delegate"].startswith("p2p1")
    assert len((await node.get("/v1/schedule?turns=9"))["turns"]) == 9


async def test_peers_and_refusals_are_shown(node: Node) -> None:
    made = node.reads.grow()
    peer = PeerView(
        Peer(4), "ab" * 32, "10.0.0.1:5", outbound=True, agent="p2pchain/1", connected_ms=12, bytes_in=3, bytes_out=4, came_from="seed"
    )
    node.reads.connected = [(peer, Tips(made.subject, made.subject)), (peer._replace(peer=Peer(5)), None)]
    node.reads.refused = [PeerRefusal("10.0.0.2:5", "", "wrong_chain", "another genesis", 7, 2)]
    shown = await node.get("/v1/peers")
    assert shown["peers"][0] == {
        "node_id": "ab" * 32,
        "address": "10.0.0.1:5",
        "outbound": True,
        "agent": "p2pchain/1",
        "connected_ms": 12,
        "bytes_in": 3,
        "bytes_out": 4,
        "came_from": "seed",
        "head": subject(made),
        "final": subject(made),
        "blocks_from": 1,
    }
    assert shown["peers"][1]["head"] is None
    assert shown["refused"] == [
        {"address": "10.0.0.2:5", "node_id": "", "reason": "wrong_chain", "message": "another genesis", "at_ms": 7, "times": 2}
    ]


async def test_the_address_book_is_counted_beside_the_peers_and_listed_by_itself(node: Node) -> None:
    entry = BookEntryView("ab" * 32, ("10.0.0.1:5",), "10.0.0.9", tried=True, met_ms=7, expires_ms=9, failures=0, anchor=True)
    node.reads.address_book = BookView(1, 2, ("192.0.2.1:5",), (entry, entry))
    sizes = {"new": 1, "tried": 2, "announced": ["192.0.2.1:5"]}
    assert (await node.get("/v1/peers"))["book"] == sizes
    listed = await node.get("/v1/peers/book?limit=1")
    assert listed.pop("entries") == [entry._asdict() | {"addresses": ["10.0.0.1:5"]}]
    assert listed == sizes


async def test_the_mempool_is_listed_up_to_the_limit(node: Node) -> None:
    node.reads.waiting = [decode_transaction(raw, node.reads.maker.spec) for raw in transfers(node.reads, 3)]
    shown = await node.get("/v1/mempool?limit=2")
    assert (shown["transactions"], shown["bytes"], shown["fee_per_byte_min"]) == (7, 1_400, "1")
    assert [item["id"] for item in shown["items"]] == [item.id.hex() for item in node.reads.waiting[:2]]
    assert shown["items"][0]["sender"] == address(3000)


async def test_a_transaction_shows_its_state_and_what_was_signed(node: Node) -> None:
    (raw,) = transfers(node.reads, 1)
    signed = decode_transaction(raw, node.reads.maker.spec)
    node.reads.transactions[signed.id] = TransactionView(signed.id, "final", 9, 2, None, "", signed)
    assert await node.get(f"/v1/transactions/{signed.id.hex()}") == {
        "id": signed.id.hex(),
        "status": "final",
        "height": 9,
        "index": 2,
        "error": None,
        "sender": address(3000),
        "nonce": 0,
        "valid_until": signed.valid_until,
        "fee": str(signed.fee),
        "bytes": len(raw),
        "actions": [{"kind": "transfer", "recipient": address(3001), "amount": "1", "memo": ""}],
    }


async def test_a_transaction_that_ended_says_why(node: Node) -> None:
    (raw,) = transfers(node.reads, 1)
    item = decode_transaction(raw, node.reads.maker.spec).id
    node.reads.transactions[item] = TransactionView(item, "rejected", None, None, "nonce_too_low", "nonce is 1, 2 wanted", None)
    shown = await node.get(f"/v1/transactions/{item.hex()}")
    assert shown["error"] == {"code": "nonce_too_low", "message": "nonce is 1, 2 wanted"}
    assert "sender" not in shown


async def test_an_unknown_transaction_is_not_found(node: Node) -> None:
    error = await node.refused(f"/v1/transactions/{'ab' * 32}", 404)
    assert (error["code"], error["id"]) == ("unknown_transaction", "ab" * 32)
    assert (await node.refused("/v1/transactions/12"))["code"] == "bad_parameter"


async def test_the_genesis_can_be_rebuilt_from_its_json(node: Node) -> None:
    shown = await node.get("/v1/genesis")
    rebuilt = rebuild(shown)
    assert rebuilt.chain_id.hex() == shown["chain_id"] == node.reads.genesis.chain_id.hex()
    assert rebuilt == node.reads.genesis
    assert shown["accounts"][0]["balance"] == str(BALANCE)


def rebuild(shown: dict[str, Any]) -> Genesis:
    prefix = shown["address_prefix"]
    return Genesis(
        shown["name"],
        prefix,
        shown["genesis_ms"],
        Params(**shown["params"]),
        tuple(GenesisAccount(decode_address(prefix, item["address"]), int(item["balance"])) for item in shown["accounts"]),
        tuple(
            GenesisDelegate(
                decode_address(prefix, item["address"]),
                bytes.fromhex(item["consensus_key"]),
                item["commission_bps"],
                int(item["stake"]),
            )
            for item in shown["delegates"]
        ),
    )


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/blocks?limit=0", "limit"),
        ("/v1/blocks?limit=101", "limit"),
        ("/v1/blocks?limit=ten", "limit"),
        ("/v1/blocks?from=-1", "from"),
        ("/v1/blocks?from=" + "9" * 30, "from"),
        ("/v1/blocks?form=1", "form"),
        ("/v1/blocks?from=1&from=2", "from"),
        ("/v1/mempool?limit=501", "limit"),
        ("/v1/schedule?turns=0", "turns"),
        ("/v1/delegates?at=yesterday", "at"),
        (f"/v1/accounts/{address(3000)}?at=", "at"),
        ("/readyz?min_peers=x", "min_peers"),
        ("/readyz?min_peer=1", "min_peer"),
        ("/v1/status?a=1", "a"),
        ("/v1/events?from_height=x", "from_height"),
    ],
)
async def test_a_wrong_parameter_says_what_was_found_and_wanted(node: Node, path: str, parameter: str) -> None:
    error = await node.refused(path)
    assert (error["code"], error["parameter"]) == ("bad_parameter", parameter)
    assert error["message"]
    assert {"found", "wanted"} <= set(error)
