"""Transactions that must be refused, and the code that each is refused with."""

from __future__ import annotations

from collections.abc import Iterable

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain
from p2pchain.chain.evidence import in_order
from p2pchain.chain.types import ChainId
from tests.vectors.world import CHAIN_ID, SPEC, account, consensus, double_block, double_vote, key, signed, transfer

Refused = tuple[str, bytes, str, str]


def body_of(**changed: object) -> bytes:
    """The body of a sound transfer with some fields replaced, whatever they are replaced with."""
    fields: dict[str, object] = {
        "version": 1,
        "tag": SPEC.chain_tag,
        "sender": account("alice"),
        "nonce": 0,
        "until": 120,
        "fee": 500,
        "actions": ((1, account("bob"), 5, b""),),
    }
    return encode(tuple((fields | changed).values()))


def seal(body: bytes, sender: str = "alice") -> bytes:
    return encode((body, key(sender).sign(Domain.TRANSACTION, CHAIN_ID, body)))


def undecodable() -> Iterable[Refused]:
    good = seal(body_of())
    signature = good[-64:]
    action = (1, account("bob"), 5, b"")
    yield "nothing at all", b"", "invalid", "malformed"
    yield "cut off by one byte", good[:-1], "invalid", "malformed"
    yield "one byte too many", good + b"\x00", "invalid", "malformed"
    yield "a map", b"\x80", "invalid", "malformed"
    yield "three elements", encode((body_of(), signature, 0)), "invalid", "malformed"
    yield "signature of 63 bytes", encode((body_of(), signature[:-1])), "invalid", "malformed"
    yield "body as text", encode(("body", signature)), "invalid", "malformed"
    yield "longer than any network allows", encode((bytes(65_536), signature)), "invalid", "oversized"
    wide = b"\x92\xc5" + len(body_of()).to_bytes(2, "big") + good[3:]
    yield "length of the body in two bytes where one suffices", wide, "invalid", "non_canonical"
    padded = body_of().replace(b"\xcd\x01\xf4", b"\xce\x00\x00\x01\xf4")
    yield "fee in four bytes where two suffice", seal(padded), "invalid", "non_canonical"
    yield "version 2", seal(body_of(version=2)), "invalid", "wrong_version"
    yield "version true", seal(body_of(version=True)), "invalid", "wrong_version"
    yield "six fields", seal(encode((1, SPEC.chain_tag, account("alice"), 0, 120, 500))), "invalid", "malformed"
    yield "tag of another chain", seal(body_of(tag=bytes(8))), "invalid", "wrong_chain"
    yield "tag of four bytes", seal(body_of(tag=SPEC.chain_tag[:4])), "invalid", "malformed"
    yield "sender of 31 bytes", seal(body_of(sender=account("alice")[:31])), "invalid", "malformed"
    yield "negative nonce", seal(body_of(nonce=-1)), "invalid", "malformed"
    yield "fee as a float", seal(body_of(fee=500.0)), "invalid", "malformed"
    yield "fee of 2**63", seal(body_of(fee=2**63)), "invalid", "malformed"
    vote = double_vote("delegate-1", 9).first
    yield "evidence with a message that is none", seal(body_of(actions=((8, vote, b"\x90"),))), "invalid", "malformed"
    yield "evidence of one message", seal(body_of(actions=((8, vote),))), "invalid", "malformed"
    yield "evidence with a message too long", seal(body_of(actions=((8, vote, bytes(585)),))), "invalid", "oversized"
    yield "no actions", seal(body_of(actions=())), "invalid", "malformed"
    yield "257 actions", seal(body_of(actions=(action,) * 257)), "invalid", "malformed"
    yield "unknown kind of action", seal(body_of(actions=((99,),))), "invalid", "unknown_action"
    yield "kind of action true", seal(body_of(actions=((True, account("bob"), 5, b""),))), "invalid", "unknown_action"
    yield "amount of 0", seal(body_of(actions=((1, account("bob"), 0, b""),))), "invalid", "malformed"
    yield "transfer without its memo", seal(body_of(actions=((1, account("bob"), 5),))), "invalid", "malformed"
    yield "memo of 257 bytes", seal(body_of(actions=((1, account("bob"), 5, bytes(257)),))), "invalid", "oversized"
    yield "commission of 10,001", seal(body_of(actions=((2, account("bob"), 10_001, bytes(64)),))), "invalid", "malformed"


def missigned() -> Iterable[Refused]:
    body = body_of()
    good = seal(body)
    yield "one bit of the signature", good[:-1] + bytes((good[-1] ^ 1,)), "invalid", "bad_signature"
    yield "signed by another key", seal(body, "bob"), "invalid", "bad_signature"
    other = key("alice").sign(Domain.TRANSACTION, ChainId(bytes(32)), body)
    yield "signed for another chain", encode((body, other)), "invalid", "bad_signature"
    yield "signed in another domain", encode((body, key("alice").sign(Domain.VOTE, CHAIN_ID, body))), "invalid", "bad_signature"
    proof = consensus("alice").sign(Domain.DELEGATE_KEY, CHAIN_ID, account("bob"))
    stolen = body_of(fee=20_000, actions=((2, consensus("alice").public_key, 0, proof),))
    pair = double_vote("delegate-1", 9)
    forged = (8, pair.first, pair.second[:-1] + bytes((pair.second[-1] ^ 1,)))
    yield "evidence with a wrong signature", seal(body_of(fee=5_000, actions=(forged,))), "invalid", "bad_signature"
    yield "registration with the proof of another account", seal(stolen), "invalid", "bad_signature"


def refused() -> Iterable[Refused]:
    def case(sender: str, *actions: Action, nonce: int = 0, until: int = 120, fee: int | None = None) -> bytes:
        return signed(sender, actions, nonce=nonce, valid_until=until, fee=fee).raw

    yield "17 actions where 16 are allowed", case("alice", *[transfer("bob", 5)] * 17), "invalid", "oversized"
    yield "longer than this network allows", case("alice", *[transfer("bob", 5, bytes(256))] * 14), "invalid", "oversized"
    yield "expired in the slot before", case("alice", transfer("bob", 5), until=9), "invalid", "expired"
    yield "valid for too long", case("alice", transfer("bob", 5), until=1_011), "not_yet", "validity_too_long"
    least = int(signed("alice", [transfer("bob", 5)], nonce=0, valid_until=120).fee)
    yield "one unit below the least fee", case("alice", transfer("bob", 5), fee=least - 1), "invalid", "fee_too_low"
    yield "nonce ahead of its turn", case("alice", transfer("bob", 5), nonce=1), "not_yet", "nonce_gap"
    yield "more than the balance", case("carol", transfer("bob", 5_000)), "not_yet", "insufficient_funds"
    yield (
        "second action fails, so both do",
        case("carol", transfer("bob", 1), transfer("bob", 5_000)),
        "not_yet",
        "insufficient_funds",
    )
    yield "stake below stake_min", case("bob", Stake(account("delegate-1"), 999)), "invalid", "bad_amount"
    yield "stake with nobody", case("bob", Stake(account("carol"), 1_000)), "not_yet", "not_a_delegate"
    yield "unstake what is not staked", case("bob", Unstake(account("delegate-1"), 1)), "not_yet", "no_such_stake"
    yield "claim without a stake", case("bob", ClaimRewards(account("delegate-1"))), "not_yet", "nothing_to_claim"
    yield "retire who is no delegate", case("bob", RetireDelegate()), "not_yet", "not_a_delegate"
    yield "retire twice", case("delegate-1", RetireDelegate(), RetireDelegate()), "invalid", "delegate_retired"
    again = RegisterDelegate.signed(consensus("delegate-1"), account("delegate-1"), 1, CHAIN_ID)
    yield "register twice", case("delegate-1", again), "invalid", "delegate_exists"
    taken = RegisterDelegate.signed(consensus("delegate-1"), account("bob"), 1, CHAIN_ID)
    yield "register the key of another", case("bob", taken), "invalid", "delegate_key_in_use"
    yield "vote without a seat", case("bob", VoteChange(300, 1, ((3, 30),))), "not_yet", "not_active"
    yield "vote for a change too soon", case("delegate-1", VoteChange(20, 1, ((3, 30),))), "invalid", "change_too_soon"
    yield "vote for two versions at once", case("delegate-1", VoteChange(300, 3, ())), "invalid", "bad_parameter"
    yield "vote for fewer candidates than seats", case("delegate-1", VoteChange(300, 1, ((15, 3),))), "invalid", "bad_parameter"
    yield "withdraw no vote", case("delegate-1", VoteChange.withdrawal()), "not_yet", "no_open_vote"


def charged() -> Iterable[Refused]:
    """In a block all the same, where they cost their fee; the chain is at its genesis and the block in slot 10."""

    def case(*actions: Action) -> bytes:
        return signed("alice", actions, nonce=0, valid_until=120).raw

    pair = double_vote("delegate-1", 9)
    yield "evidence of one message twice", case(SubmitEvidence(pair.first, pair.first)), "charged", "bad_evidence"
    yield "evidence in descending order", case(SubmitEvidence(pair.second, pair.first)), "charged", "bad_evidence"
    others = {"another slot": double_vote("delegate-1", 8), "another key": double_vote("delegate-2", 9)}
    others["another kind"] = double_block("delegate-1", 9)
    for name, other in others.items():
        yield f"evidence with a message of {name}", case(SubmitEvidence(*in_order(pair.first, other.second))), "charged", "bad_evidence"
    yield "evidence of an offence before the unbonding period", case(double_vote("delegate-1", 5)), "charged", "stale_evidence"
    yield "evidence against nobody", case(double_vote("carol", 9)), "charged", "not_a_delegate"
    yield "the same evidence twice", case(pair, pair), "charged", "known_evidence"
    yield "a transfer before useless evidence", case(transfer("bob", 5), SubmitEvidence(pair.first, pair.first)), "charged", "bad_evidence"
