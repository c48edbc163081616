"""Keys, a genesis and a chain of six blocks, the same in every run: what the golden vectors show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from nacl.signing import SigningKey

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Block, Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.crypto import Domain, KeySigner
from p2pchain.chain.evidence import encode_ballot_statement, encode_header_statement, in_order
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.merkle import merkle_root
from p2pchain.chain.params import Params
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.schedule import Schedule, quorum
from p2pchain.chain.state import COMMITMENTS, ActiveDelegate, Changes, StackedView
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.transition import Draft, Parent, execute
from p2pchain.chain.types import ZERO_HASH, BlockId, Height, Slot
from p2pchain.chain.votes import Ballot, Certificate, Kind, Subject, certificate_hash, encode_subject, make_certificate

PREFIX = "p2p"
ACCOUNTS = ("alice", "bob", "carol")
DELEGATES = ("delegate-1", "delegate-2", "delegate-3", "delegate-4")


def seed(name: str) -> bytes:
    """The secret of a key of these vectors: never use one for anything else."""
    return hashlib.sha256(b"p2pchain test vector: " + name.encode()).digest()


@cache
def key(name: str) -> KeySigner:
    return KeySigner(SigningKey(seed(name)))


def account(name: str) -> bytes:
    return key(name).public_key


def consensus(name: str) -> KeySigner:
    """The key with which a delegate signs blocks and ballots."""
    return key(f"{name} consensus")


def genesis() -> Genesis:
    """Small numbers where a rule becomes visible by them: rounds of four slots, a heartbeat every third, quick unbonding."""
    stakes, commissions = (4 * 10**9, 3 * 10**9, 2 * 10**9, 10**9), (500, 0, 10_000, 1_234)
    return Genesis(
        name="vectors",
        address_prefix=PREFIX,
        genesis_ms=1_800_000_000_000,
        params=Params(heartbeat_slots=3, validity_slots_max=1_000, unbonding_slots=4),
        accounts=(
            *(GenesisAccount(account(name), balance) for name, balance in zip(ACCOUNTS, (10**12, 10**9, 5_000), strict=True)),
            *(GenesisAccount(account(name), 10**9) for name in DELEGATES),
        ),
        delegates=tuple(
            GenesisDelegate(account(name), consensus(name).public_key, commission, stake)
            for name, commission, stake in zip(DELEGATES, commissions, stakes, strict=True)
        ),
    )


GENESIS = genesis()
SPEC = GENESIS.spec()
CHAIN_ID = GENESIS.chain_id


# --- the chain of six blocks: what the other files take their blocks, ballots and certificates from


class Made(NamedTuple):
    """A block and the state after it; the genesis has no block."""

    subject: Subject
    block: Block | None
    changes: Changes
    schedule: Schedule
    view: StackedView
    votes: Certificate | None


class Plan(NamedTuple):
    """One block to be made: its slot and who sends what."""

    slot: int
    transactions: Sequence[tuple[str, int, Sequence[Action]]]
    """Sender, nonce, actions."""


def transfer(to: str, amount: int, memo: bytes = b"") -> Transfer:
    return Transfer(account(to), amount, memo)


def ballot(kind: Kind, subject: Subject, signer: KeySigner) -> Ballot:
    return Ballot(kind, subject, signer.public_key, signer.sign(kind.domain, CHAIN_ID, encode_subject(subject)))


def double_vote(name: str, slot: int) -> SubmitEvidence:
    """Evidence that a delegate voted for two blocks of one slot; the blocks need not exist."""
    subjects = (Subject(Slot(slot), Height(5), BlockId(hashlib.sha256(text).digest())) for text in (b"one", b"another"))
    votes = (encode_ballot_statement(ballot(Kind.VOTE, subject, consensus(name))) for subject in subjects)
    return SubmitEvidence(*in_order(*votes))


def double_block(name: str, slot: int) -> SubmitEvidence:
    """Evidence that a delegate signed two headers for one slot, at different parents."""
    signer = consensus(name)
    parents = (BlockId(hashlib.sha256(text).digest()) for text in (b"one", b"another"))
    headers = [encode_header(Header(Height(5), Slot(slot), parent, signer.public_key, *[ZERO_HASH] * 6)) for parent in parents]
    return SubmitEvidence(*in_order(*(encode_header_statement(raw, signer.sign(Domain.BLOCK, CHAIN_ID, raw)) for raw in headers)))


CHAIN = (
    Plan(1, [("alice", 0, [transfer("bob", 1_000)]), ("bob", 0, [transfer("carol", 7, b"hi")]), ("alice", 1, [transfer("alice", 1)])]),
    # The new delegate's own stake is the largest, so the next election seats it and unseats delegate-4.
    Plan(
        2,
        [
            (
                "alice",
                2,
                [
                    RegisterDelegate.signed(consensus("alice"), account("alice"), 2_500, CHAIN_ID),
                    Stake(account("alice"), 5 * 10**9),
                ],
            ),
            ("bob", 1, [Stake(account("delegate-1"), 10**6)]),
        ],
    ),
    # Slot 3 was a heartbeat and stays empty: a miss.  Slot 4 closes the round.
    Plan(4, [("carol", 0, [transfer("bob", 500)])]),
    Plan(5, [("bob", 2, [ClaimRewards(account("delegate-1")), Unstake(account("delegate-1"), 400_000)])]),
    # Rounds pass without a block; what bob unstaked in slot 5 is free from slot 9 on, so he can spend nearly all.
    Plan(13, [("bob", 3, [transfer("carol", 999_200_000)]), ("delegate-4", 0, [RetireDelegate()])]),
    # delegate-1 voted twice in slot 12.  Alice reports it and gets her share; carol comes too late and pays her fee for it.
    Plan(14, [("alice", 3, [double_vote("delegate-1", 12)]), ("carol", 1, [transfer("bob", 1), double_vote("delegate-1", 12)])]),
)


@cache
def chain() -> tuple[Made, ...]:
    """The genesis and the six blocks; each block carries the votes on the one below it."""
    changes = GENESIS.changes()
    start = Subject(Slot(0), Height(0), GENESIS.block_id)
    made = [Made(start, None, changes, GENESIS.schedule(), StackedView([changes], Changes({}, ZERO_HASH)), None)]
    for plan in CHAIN:
        made.append(extend(made[-1], plan))
    return tuple(made)


def extend(below: Made, plan: Plan) -> Made:
    transactions = [signed(sender, actions, nonce=nonce, valid_until=100) for sender, nonce, actions in plan.transactions]
    leader = consensus_of(below.schedule.turn(plan.slot).delegate)
    draw = RevealSecret.derive(leader, CHAIN_ID).draw(COMMITMENTS.load(below.view, leader.public_key), plan.slot)
    assert draw is not None, "every commitment was made here"
    executed = execute(
        Parent(below.subject.height, below.subject.slot, below.changes.state_root, below.schedule, below.view),
        Draft(plan.slot, draw, below.votes.signatures.keys() if below.votes is not None else ()),
        transactions,
        SPEC,
    )
    carried = below.votes.raw if below.votes is not None else b""
    header = Header(
        height=Height(below.subject.height + 1),
        slot=Slot(plan.slot),
        parent=below.subject.block,
        producer=leader.public_key,
        state_root=executed.changes.state_root,
        transactions_root=merkle_root([transaction.id for transaction in transactions]),
        certificate_hash=certificate_hash(carried),
        reveal=draw.reveal,
        commitment=draw.commitment,
        set_id=executed.schedule.set_id,
    )
    header_raw = encode_header(header)
    signature = leader.sign(Domain.BLOCK, CHAIN_ID, header_raw)
    raw = encode_block(header_raw, signature, carried, [transaction.raw for transaction in transactions])
    block = decode_envelope(raw).with_transactions(transactions)
    subject = Subject(header.slot, header.height, block.id)
    votes = certify(Kind.VOTE, subject, below.schedule)
    view = StackedView([executed.changes], below.view)
    return Made(subject, block, executed.changes, executed.schedule, view, votes)


def signed(sender: str, actions: Sequence[Action], *, nonce: int, valid_until: int, fee: int | None = None) -> Transaction:
    """`build_transaction` finds the least fee where none is given."""
    return decode_transaction(build_transaction(key(sender), SPEC, actions, nonce=nonce, valid_until=valid_until, fee=fee), SPEC)


def consensus_of(member: ActiveDelegate) -> KeySigner:
    return next(consensus(name) for name in (*DELEGATES, "alice") if account(name) == member.account)


def certify(kind: Kind, subject: Subject, schedule: Schedule) -> Certificate:
    """By as many of the set as a quorum needs, the first in the order of their keys."""
    signers = sorted(map(consensus_of, schedule.active), key=lambda signer: signer.public_key)[: quorum(len(schedule.active))]
    return make_certificate(kind, subject, {signer.public_key: ballot(kind, subject, signer).signature for signer in signers})
