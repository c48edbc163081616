"""What a block does to the state.

`execute` applies transactions one after the other, then counts missed heartbeats, pays the producer, draws the seed,
closes the round where the slot says so, and settles what delegates voted.  A transaction whose refusal is `Charged` is
part of the block all the same: it pays its fee, its nonce is used, and nothing else has happened.  The same function
builds a block (dropping what is refused otherwise) and checks one (where a single such refusal makes the block invalid),
so the two cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from p2pchain.chain.actions.context import Context
from p2pchain.chain.active_set import store_set
from p2pchain.chain.block import Block
from p2pchain.chain.changing import settle_changes
from p2pchain.chain.coins import credit, debit
from p2pchain.chain.errors import Charged, Code, Invalid, NotYet, Refusal
from p2pchain.chain.outcomes import FAILURES, Failure, FailuresRow
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.recovery import Recovery, apply_recovery
from p2pchain.chain.reveal import Draw, validate_reveal
from p2pchain.chain.schedule import Schedule, elect, limit_turnover, next_seed, quorum
from p2pchain.chain.staking import add_reward, release_matured
from p2pchain.chain.state import ACCOUNTS, COMMITMENTS, DELEGATES, GLOBALS, Account, Changes, Commitment, Globals, Ledger, View
from p2pchain.chain.transaction import Transaction, validate_for_slot
from p2pchain.chain.types import AMOUNT_MAX, Hash, PublicKey

HEARTBEATS_COUNTED_MAX = 128
"""Heartbeats looked at after a gap: bounds the work of the first block after a long silence."""


class Parent(NamedTuple):
    """All that a block's execution needs to know of the block below it."""

    height: int
    slot: int
    state_root: Hash
    schedule: Schedule
    view: View
    recovery: Recovery | None = None
    """Where the block below is the base of one; `schedule` is then the recovered one."""


class Draft(NamedTuple):
    """What a block says for itself, besides its transactions."""

    slot: int
    draw: Draw
    parent_voters: Collection[PublicKey]
    """Whose votes on the parent the block carries; nobody's where its certificate is for another block."""

    @classmethod
    def of(cls, block: Block) -> Draft:
        header, certificate = block.header, block.certificate
        is_parents = certificate is not None and certificate.subject.block == header.parent
        voters = certificate.signatures.keys() if certificate is not None and is_parents else ()
        return cls(header.slot, Draw(header.reveal, header.commitment), voters)


class Place(NamedTuple):
    """Where a block stands, and by which parameters it is judged."""

    spec: ChainSpec
    params: Params
    height: int
    slot: int


class Executed(NamedTuple):
    """The outcome: what changes, the schedule above the block, and (when building) who was refused and why."""

    changes: Changes
    schedule: Schedule
    included: list[Transaction]
    refused: list[tuple[Transaction, Refusal]]


def execute(parent: Parent, draft: Draft, transactions: Iterable[Transaction], spec: ChainSpec, *, building: bool = False) -> Executed:
    """Run a block above `parent`.  Raises the first `Refusal` unless `building`."""
    ledger = Ledger(parent.view)
    if parent.recovery is not None:
        apply_recovery(ledger, parent.recovery)
    place = Place(spec, parent.schedule.terms.params, parent.height + 1, draft.slot)
    producer = parent.schedule.turn(draft.slot).delegate.consensus_key
    validate_reveal(ledger.get(COMMITMENTS, producer), draft.draw.reveal)
    included: list[Transaction] = []
    refused: list[tuple[Transaction, Refusal]] = []
    failed: list[Failure] = []
    fees = 0
    for transaction in transactions:
        try:
            code = run_transaction(ledger, transaction, place)
        except Refusal as refusal:
            ledger.drop()
            if not building:
                raise
            refused.append((transaction, refusal))
            continue
        ledger.keep()
        if code is not None:
            failed.append(Failure(len(included), code.value))
        fees += transaction.fee
        included.append(transaction)
    if failed:
        ledger.put(FAILURES, b"", FailuresRow(place.height, tuple(failed)))
    schedule = _end_block(ledger, parent, place, draft, fees)
    return Executed(ledger.changes(parent.state_root), schedule, included, refused)


def run_transaction(ledger: Ledger, transaction: Transaction, place: Place) -> Code | None:
    """Apply all actions, or none of them: then the code for which the fee is paid all the same (S6, S7).

    Every other refusal is raised.  The caller keeps or drops what was written.
    """
    _charge(ledger, transaction, place)
    context = Context(ledger, place.spec, place.params, transaction.sender, place.height, place.slot)
    try:
        for action in transaction.actions:
            action.apply(context)
    except Charged as refusal:
        ledger.drop()
        _charge(ledger, transaction, place)
        return refusal.code
    return None


def _charge(ledger: Ledger, transaction: Transaction, place: Place) -> None:
    """What happens whether or not the actions succeed: matured coins are released, the fee is paid, the nonce is used."""
    validate_for_slot(transaction, place.slot, place.params)
    sender = transaction.sender
    release_matured(ledger, sender, place.slot)
    validate_nonce(ledger.account(sender), transaction.nonce)
    debit(ledger, sender, transaction.fee)
    row = ledger.account(sender)
    ledger.put(ACCOUNTS, sender, Account(row.balance, row.nonce + 1, row.staker))


def validate_nonce(account: Account, nonce: int) -> None:
    """A nonce is used once and in order (S7)."""
    if nonce < account.nonce:
        raise Invalid(Code.NONCE_TOO_LOW, f"nonce is {nonce}, the account is at {account.nonce}", found=nonce, wanted=account.nonce)
    if nonce > account.nonce:
        raise NotYet(Code.NONCE_GAP, f"nonce is {nonce}, the account is at {account.nonce}", found=nonce, wanted=account.nonce)


def _end_block(ledger: Ledger, parent: Parent, place: Place, draft: Draft, fees: int) -> Schedule:
    slot, params = place.slot, place.params
    totals = ledger.get(GLOBALS)
    assert totals is not None, "the globals row is written by the genesis"
    turn = parent.schedule.turn(slot)
    minted = _minted(ledger, turn.delegate.account, min(params.reward_per_block, AMOUNT_MAX - totals.issued))
    if len(parent.schedule.keys.intersection(draft.parent_voters)) >= quorum(len(parent.schedule.active)):
        _count_missed(ledger, parent, slot, params)
    _pay_producer(ledger, turn.delegate.account, fees, minted)
    ledger.put(COMMITMENTS, turn.delegate.consensus_key, Commitment(draft.draw.commitment, slot))
    seed = next_seed(totals.next_seed, slot, draft.draw.reveal)
    totals = totals._replace(issued=totals.issued + minted, next_seed=seed)
    if parent.schedule.closes_round(slot):
        totals = _close_round(ledger, totals, turn.round, place)
    ledger.put(GLOBALS, b"", totals)
    governors = [member.account for member in parent.schedule.active]
    terms = settle_changes(ledger, parent.schedule.terms, place.height, active=governors, needed=quorum(len(governors)))
    ledger.keep()
    return Schedule(totals, terms, parent.schedule)


def _minted(ledger: Ledger, producer: bytes, most: int) -> int:
    """A convicted delegate that still sits earns no reward: so its stakers' accounts end where their stake was cut."""
    delegate = ledger.get(DELEGATES, producer)
    return 0 if delegate is not None and delegate.convicted_slot else most


def _pay_producer(ledger: Ledger, producer: bytes, fees: int, minted: int) -> None:
    """Fees are the producer's; what is minted is shared with its stakers.  Who produces is there, demoted or not."""
    delegate = ledger.get(DELEGATES, producer)
    assert delegate is not None, "an active delegate is a registered delegate"
    row, kept = add_reward(delegate, minted)
    ledger.put(DELEGATES, producer, row._replace(produced=row.produced + 1, missed_in_row=0, demoted=0))
    credit(ledger, producer, fees + kept)


def _count_missed(ledger: Ledger, parent: Parent, slot: int, params: Params) -> None:
    """Only an empty heartbeat slot is a miss that everybody can see: any other may have had nothing to include.

    Nobody is to blame for an outage.  So this runs only for a block that shows a quorum's votes on its parent, and a
    gap in which more delegates missed than may fail at all is the network's miss, not theirs (decision 0025).
    """
    every = params.heartbeat_slots
    last = (slot - 1) // every * every
    first = max(parent.slot + 1, parent.schedule.start_slot, last - (HEARTBEATS_COUNTED_MAX - 1) * every)
    may_fail = (len(parent.schedule.active) - 1) // 3
    misses: Counter[bytes] = Counter()
    for missed in range(last, first - 1, -every):
        misses[parent.schedule.turn(missed).delegate.account] += 1
        if len(misses) > may_fail:
            return
    for account, count in sorted(misses.items()):
        row = ledger.get(DELEGATES, account)
        assert row is not None, "an active delegate is a registered delegate"
        in_row = row.missed_in_row + count
        demoted = 1 if in_row >= params.misses_max else row.demoted
        ledger.put(DELEGATES, account, row._replace(missed=row.missed + count, missed_in_row=in_row, demoted=demoted))


def _close_round(ledger: Ledger, totals: Globals, number: int, place: Place) -> Globals:
    """`number` is the round that the slot lies in: rounds that passed without a block are counted too."""
    number_before = totals.set_number
    totals = limit_turnover(totals, elect(ledger, place.params, totals.active), place.height)
    if totals.set_number != number_before:
        store_set(ledger, totals)
    return totals._replace(round=number + 1, round_start_slot=place.slot + 1, seed=totals.next_seed)
