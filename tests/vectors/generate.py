"""Makes the golden vectors beside it, from fixed seeds: `.venv/bin/python -m tests.vectors.generate`.

Every run writes the same bytes.  A change of the files is a change of the protocol: it breaks every client and every
network that exists, so it needs a new version number in the bytes, not a new run of this program.
`tests/test_vectors.py` holds today's code against the committed files; README.md says how to read them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.address import encode_address
from p2pchain.chain.block import encode_block
from p2pchain.chain.codec import encode
from p2pchain.chain.compact import carried, short_ids
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.schedule import Schedule, quorum
from p2pchain.chain.state import GLOBALS, ActiveDelegate, Globals
from p2pchain.chain.terms import Terms
from p2pchain.chain.types import AMOUNT_MAX, AccountId, BlockId, Height, PublicKey
from p2pchain.chain.votes import Kind, certificate_hash, encode_subject
from p2pchain.node.acquaintance import name_of
from p2pchain.wire import messages as wire
from p2pchain.wire.errors import Reason
from p2pchain.wire.framing import encode_frame
from tests.vectors.following import following_file
from tests.vectors.link import link_file
from tests.vectors.peers import peer_record, peer_records_file
from tests.vectors.proving import proofs_file, trie_file
from tests.vectors.refusals import charged, missigned, refused, undecodable
from tests.vectors.showing import Json, globals_of, show_ballot, show_block, show_globals, show_rows, show_subject, show_transaction
from tests.vectors.world import (
    ACCOUNTS,
    CHAIN_ID,
    DELEGATES,
    GENESIS,
    PREFIX,
    SPEC,
    account,
    ballot,
    certify,
    chain,
    consensus,
    double_block,
    double_vote,
    seed,
    signed,
    transfer,
)

FOLDER = Path(__file__).parent
TERMS = Terms(1, Params())


def keys_file() -> Json:
    names = [*ACCOUNTS, *DELEGATES, "node-1", "node-2", *(f"{name} consensus" for name in (*DELEGATES, "alice"))]
    good = encode_address(PREFIX, AccountId(account("alice")))
    other = encode_address("test", AccountId(account("alice")))
    return {
        "address_prefix": PREFIX,
        "keys": [
            {
                "name": name,
                "seed": seed(name).hex(),
                "public_key": account(name).hex(),
                "address": encode_address(PREFIX, AccountId(account(name))),
            }
            for name in names
        ],
        "invalid_addresses": [
            {"name": "one letter is wrong", "text": good[:-1] + ("q" if good[-1] != "q" else "p"), "code": "bad_address"},
            {"name": "prefix of another network", "text": other, "code": "bad_address"},
            {"name": "upper and lower case", "text": good[:-1] + good[-1].upper() + "Q", "code": "bad_address"},
            {"name": "31 bytes", "text": encode_address(PREFIX, AccountId(account("alice")[:31])), "code": "bad_address"},
            {"name": "no separator", "text": good.replace("1", "", 1), "code": "bad_address"},
            {"name": "empty", "text": "", "code": "bad_address"},
        ],
    }


def genesis_file() -> Json:
    totals = GLOBALS.load(GENESIS.changes())
    assert totals is not None, "the genesis writes it"
    return {
        "name": GENESIS.name,
        "address_prefix": GENESIS.address_prefix,
        "genesis_ms": GENESIS.genesis_ms,
        "params": {name: value for name, value, _, _ in GENESIS.params.bounds()},
        "accounts": [{"account": item.account.hex(), "balance": str(item.balance)} for item in GENESIS.accounts],
        "delegates": [
            {
                "account": item.account.hex(),
                "consensus_key": item.consensus_key.hex(),
                "commission_bps": item.commission_bps,
                "stake": str(item.stake),
            }
            for item in GENESIS.delegates
        ],
        "encoding": GENESIS.encode().hex(),
        "chain_id": CHAIN_ID.hex(),
        "chain_tag": SPEC.chain_tag.hex(),
        "rows": show_rows(GENESIS.changes()),
        "state_root": GENESIS.changes().state_root.hex(),
        "globals": show_globals(totals),
    }


def transactions_file() -> Json:
    """One of each kind, and the places where the length of an integer or a byte string changes its form."""
    kinds: list[tuple[str, str, int, int, int | None, list[Action]]] = [
        ("transfer", "alice", 0, 120, None, [transfer("bob", 1_000)]),
        ("transfer with a memo", "alice", 0, 120, 5_000, [transfer("bob", 1, b"invoice 4711")]),
        ("transfer with the longest memo", "alice", 0, 120, None, [transfer("bob", 1, bytes(range(256)))]),
        ("register_delegate", "alice", 0, 120, None, [RegisterDelegate.signed(consensus("alice"), account("alice"), 2_500, CHAIN_ID)]),
        ("retire_delegate", "delegate-1", 0, 120, None, [RetireDelegate()]),
        ("stake", "bob", 0, 120, None, [Stake(account("delegate-1"), 10**6)]),
        ("unstake", "delegate-2", 0, 120, None, [Unstake(account("delegate-2"), 10**6)]),
        ("claim_rewards", "delegate-2", 0, 120, None, [ClaimRewards(account("delegate-2"))]),
        ("evidence of two votes", "alice", 0, 120, None, [double_vote("delegate-1", 12)]),
        ("evidence of two headers", "alice", 0, 120, None, [double_block("delegate-1", 12)]),
        ("vote_change", "delegate-1", 0, 120, None, [VoteChange(300, 1, ((3, 30), (10, 2)))]),
        ("vote_change for a version", "delegate-1", 0, 120, None, [VoteChange(300, 2, ())]),
        ("vote_change that withdraws", "delegate-1", 0, 120, None, [VoteChange.withdrawal()]),
        ("come_back", "delegate-2", 0, 120, None, [ComeBack()]),
        ("three actions", "alice", 7, 120, None, [transfer("bob", 1), transfer("carol", 2), Stake(account("delegate-3"), 1_000)]),
    ]
    widths = (127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1)
    kinds += [(f"integers of {width}", "alice", width, width, width, [transfer("bob", width)]) for width in widths]
    kinds += [("the largest amount", "alice", 0, 120, AMOUNT_MAX, [transfer("bob", AMOUNT_MAX)])]
    return {
        "chain_id": CHAIN_ID.hex(),
        "transactions": [
            show_transaction(name, signed(sender, actions, nonce=nonce, valid_until=until, fee=fee))
            for name, sender, nonce, until, fee, actions in kinds
        ],
    }


def invalid_transactions_file() -> Json:
    """What must be refused, and at which stage.

    `decode` needs no state, `signature` no more than the chain id, `block` the state.  What is `charged` is in a block
    all the same, pays its fee and does nothing else.
    """
    return {
        "chain_id": CHAIN_ID.hex(),
        "transactions": [
            {"name": name, "stage": stage, "slot": 10, "raw": raw.hex(), "family": family, "code": code}
            for stage, cases in (("decode", undecodable()), ("signature", missigned()), ("block", refused()), ("charged", charged()))
            for name, raw, family, code in cases
        ],
    }


def merkle_file() -> Json:
    ids = [hashlib.sha256(bytes((number,))).digest() for number in range(9)]
    return {
        "ids": [item.hex() for item in ids],
        "roots": [{"count": count, "root": merkle_root(ids[:count]).hex()} for count in range(10)],
    }


def chain_file() -> Json:
    """Six blocks on the genesis of genesis.json, with every row that each of them writes."""
    return {
        "chain_id": CHAIN_ID.hex(),
        "blocks": [
            {**show_block(made), "rows": show_rows(made.changes), "globals": show_globals(globals_of(made))} for made in chain()[1:]
        ],
    }


def invalid_blocks_file() -> Json:
    """Block bytes that no node accepts, whatever its state."""
    first, second = (made.block for made in chain()[1:3])
    assert first is not None
    assert second is not None
    items = [transaction.raw for transaction in second.transactions]
    votes = second.certificate.raw if second.certificate else b""
    other = chain()[2].votes
    assert other is not None
    head, signature = second.header_raw, second.signature
    cases = [
        ("transactions in another order", encode_block(head, signature, votes, items[::-1]), "wrong_transactions_root"),
        ("a transaction too few", encode_block(head, signature, votes, items[:-1]), "wrong_transactions_root"),
        ("without the certificate that the header names", encode_block(head, signature, b"", items), "wrong_certificate"),
        ("with another certificate", encode_block(head, signature, other.raw, items), "wrong_certificate"),
        ("signature of 63 bytes", encode_block(head, signature[:-1], votes, items), "malformed"),
        ("one byte too many", second.raw + b"\x00", "non_canonical"),
        ("a header of version 2", encode_block(b"\x9b\x02" + first.header_raw[2:], signature, b"", []), "wrong_version"),
        ("a transaction as an array", encode((head, signature, votes, [[b""]])), "malformed"),
    ]
    return {"blocks": [{"name": name, "raw": raw.hex(), "code": code} for name, raw, code in cases]}


def ballots_file() -> Json:
    subject = chain()[1].subject
    cases = [(kind, name) for kind in Kind for name in DELEGATES]
    return {"chain_id": CHAIN_ID.hex(), "ballots": [show_ballot(ballot(kind, subject, consensus(name))) for kind, name in cases]}


def certificates_file() -> Json:
    first = chain()[1]
    votes = first.votes
    assert votes is not None
    confirms = certify(Kind.CONFIRM, first.subject, GENESIS.schedule())
    pairs = list(votes.signatures.items())

    def raw(kind: object, voters: Iterable[bytes], signatures: Iterable[bytes]) -> bytes:
        return encode((kind, encode_subject(first.subject), b"".join(voters), b"".join(signatures)))

    keys, values = [voter for voter, _ in pairs], [value for _, value in pairs]
    cases = [
        ("voters out of order", raw(1, keys[::-1], values[::-1]), "wrong_certificate"),
        ("a voter twice", raw(1, keys[:1] * 2, values[:1] * 2), "wrong_certificate"),
        ("no voters", raw(1, [], []), "wrong_certificate"),
        ("a signature too few", raw(1, keys, values[:-1]), "wrong_certificate"),
        ("half a key", raw(1, [keys[0][:16]], values[:1]), "wrong_certificate"),
        ("kind 3", raw(3, keys, values), "malformed"),
    ]
    return {
        "chain_id": CHAIN_ID.hex(),
        "certificates": [
            {
                "kind": int(made.kind),
                **show_subject(made.subject),
                "signatures": [{"voter": voter.hex(), "signature": value.hex()} for voter, value in made.signatures.items()],
                "raw": made.raw.hex(),
                "hash": certificate_hash(made.raw).hex(),
            }
            for made in (votes, confirms)
        ],
        "invalid_certificates": [{"name": name, "raw": data.hex(), "code": code} for name, data, code in cases],
    }


def frames_file() -> Json:
    made = chain()
    first, second = made[1].block, made[2].block
    votes = made[1].votes
    assert first is not None
    assert second is not None
    assert votes is not None
    confirms = certify(Kind.CONFIRM, made[1].subject, GENESIS.schedule())
    tips = wire.Tips(made[1].subject, made[2].subject)
    hello = wire.Hello("vectors/1", 28_656, tips)
    samples: list[wire.Message] = [
        hello,
        wire.Status(tips),
        wire.Transactions([transaction.raw for transaction in first.transactions]),
        wire.BlockMessage(first.raw),
        wire.BallotMessage(ballot(Kind.VOTE, made[1].subject, consensus("delegate-1"))),
        wire.CertificateMessage(votes.raw),
        wire.GetBlocks(1, Height(1), 64),
        wire.GetBranch(2, BlockId(second.id), BlockId(first.id)),
        wire.Blocks(1, [first.raw, confirms.raw, second.raw, b""]),
        wire.Ping(7),
        wire.Pong(7),
        wire.Goodbye(Reason.SHUTTING_DOWN, "this node is stopping"),
        wire.GetPeers(32, "2001:db8::1"),
        wire.Peers([peer_record(name, hosts).raw for name, *hosts in (("node-1", "192.0.2.1", "2001:db8::1"), ("node-2", "198.51.100.7"))]),
        wire.CompactBlock(
            first.header_raw,
            first.signature,
            carried(first.certificate),
            short_ids(first.id, [transaction.id for transaction in first.transactions]),
            (0,),
            [first.transactions[0].raw],
        ),
        wire.GetBlockTransactions(first.id, tuple(range(len(first.transactions)))),
        wire.BlockTransactions(first.id, [transaction.raw for transaction in first.transactions]),
        wire.Announcement(tuple(name_of(transaction.id) for transaction in first.transactions)),
        wire.GetTransactions(tuple(name_of(transaction.id) for transaction in first.transactions)),
        wire.Part(1, encode_frame(wire.Ping(7))),
        wire.GetProofs(3, Height(1), 512),
        wire.Proofs(3, [first.header_raw, confirms.raw, second.header_raw, b""]),
        wire.GetBodies(4, Height(1), 64),
    ]
    ping = encode_frame(wire.Ping(7))
    cases = [
        ("unknown type", b"\x00\x00\x00\x02\x63\x90"),
        ("length of 0", b"\x00\x00\x00\x00\x0a"),
        ("a ping that says it is longer than a ping may be", b"\x00\x01\x00\x00\x0a"),
        ("a ping with one byte too many", b"\x00\x00\x00\x04" + ping[4:] + b"\x00"),
        ("a ping with a negative token", b"\x00\x00\x00\x03\x0a\x91\xff"),
        ("places that do not ascend", frame(17, encode((bytes(32), b"\x00\x02\x00\x01")))),
        ("short ids of five bytes", frame(16, encode((b"", b"", b"", bytes(5), b"", ())))),
        ("a transaction along without its place", frame(16, encode((b"", b"", b"", bytes(6), b"", (b"",))))),
        ("names of seven bytes", frame(22, encode((bytes(7),)))),
        ("a part of no stream", frame(24, b"\x02\x00")),
        ("a block list with a block and no certificate", frame(9, encode((bytes(8), [first.raw])))),
        ("a list of headers with a header and no certificate", frame(20, encode((bytes(8), [first.header_raw])))),
        ("a question for 33 peers", frame(13, encode((33, "")))),
        ("a question for peers with a name for an address", frame(13, encode((1, "seed.example")))),
        ("33 peer records", frame(14, encode(([b""] * 33,)))),
    ]
    return {
        "frames": [
            {"name": type(sample).__name__, "type": sample.TYPE, "body_bytes_max": sample.BYTES_MAX, "frame": encode_frame(sample).hex()}
            for sample in samples
        ],
        "invalid_frames": [{"name": name, "frame": data.hex()} for name, data in cases],
    }


def frame(number: int, body: bytes) -> bytes:
    return (len(body) + 1).to_bytes(4, "big") + bytes((number,)) + body


def schedules_file() -> Json:
    """The order of rounds for sets of several sizes, and seeds after slots."""
    cases = []
    for members in (1, 4, 7):
        accounts = [account(f"candidate-{number}") for number in range(members)]
        active = tuple(ActiveDelegate(item, PublicKey(item), 1_000) for item in accounts)
        for start_round in (0, 5):
            totals = Globals(start_round, 11, hashlib.sha256(b"seed").digest(), bytes(32), active, 1_000 * members, 0, 0)
            schedule = Schedule(totals, TERMS)
            turns = [schedule.turn(11 + place) for place in range(2 * members)]
            cases.append(
                {
                    "seed": totals.seed.hex(),
                    "round": start_round,
                    "round_start_slot": 11,
                    "active": [item.hex() for item in accounts],
                    "turns": [{"slot": turn.slot, "round": turn.round, "account": turn.delegate.account.hex()} for turn in turns],
                }
            )
    sizes = (1, 2, 3, 4, 5, 6, 7, 10, 21, 100, 101)
    return {"orders": cases, "quorums": [{"members": members, "quorum": quorum(members)} for members in sizes]}


FILES: dict[str, Callable[[], Json]] = {
    "keys": keys_file,
    "genesis": genesis_file,
    "transactions": transactions_file,
    "invalid_transactions": invalid_transactions_file,
    "merkle": merkle_file,
    "chain": chain_file,
    "invalid_blocks": invalid_blocks_file,
    "ballots": ballots_file,
    "certificates": certificates_file,
    "following": following_file,
    "frames": frames_file,
    "link": link_file,
    "peer_records": peer_records_file,
    "schedules": schedules_file,
    "trie": trie_file,
    "proofs": proofs_file,
}


def text_of(name: str) -> str:
    """The whole text of a file."""
    return json.dumps(FILES[name](), indent=1) + "\n"


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


if __name__ == "__main__":
    for each in FILES:
        path_of(each).write_text(text_of(each), encoding="utf-8")
