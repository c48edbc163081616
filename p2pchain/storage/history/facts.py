"""What the index keeps of one final block: whose transactions it has, and what its producer and others did in which round.

Read from the block and from what it wrote: nothing is executed, and nothing checked that was checked before it became final.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, assert_never

import msgpack

from p2pchain.chain.actions import Action, decode_action
from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.block import decode_envelope
from p2pchain.chain.state import DELEGATE_BY_KEY, DELEGATES, GLOBALS, View
from p2pchain.node.history import RoundView

STEP_TRANSACTIONS = 32
"""Between two pauses, at 5 us each."""
_SENDER, _FEE, _ACTIONS = 2, 5, 6
"""Places in the body of a transaction."""


class Carried(NamedTuple):
    """What the next block's facts need of those below it."""

    round: int
    round_start_slot: int
    seats: int
    missed: Mapping[bytes, int]
    """By delegate, what the chain had counted so far."""
    is_whole: bool = True
    """Whether who is not named had none; else it is not known, where the index was begun on a node that had pruned."""


class BlockFacts(NamedTuple):
    height: int
    accounts: dict[bytes, list[int]]
    """Places of the transactions that concern an account, rising."""
    rounds: list[tuple[bytes, RoundView]]
    """What is to be added up, by delegate's account."""
    carried: Carried


def carried_after(rows: Mapping[bytes, bytes], missed: Mapping[bytes, int], *, is_whole: bool) -> Carried:
    """After the block, or the genesis, that wrote `rows`: each of them writes the place of the schedule."""
    totals = GLOBALS.decode(rows[GLOBALS.key(b"")])
    return Carried(totals.round, totals.round_start_slot, len(totals.active), missed, is_whole)


def facts_of(raw: bytes, rows: Mapping[bytes, bytes], below: Carried, owners: View) -> Iterator[BlockFacts | None]:
    """None again and again, as pauses; then the facts.  `owners` knows whose a consensus key is."""
    envelope = decode_envelope(raw)
    header = envelope.header
    accounts: dict[bytes, list[int]] = {}
    fees = 0
    for place, item in enumerate(envelope.transactions):
        if place % STEP_TRANSACTIONS == 0:
            yield None
        body = msgpack.unpackb(msgpack.unpackb(item)[0], use_list=False)
        fees += body[_FEE]
        for account in _concerned(body[_SENDER], body[_ACTIONS]):
            accounts.setdefault(account, []).append(place)
    number = below.round + (header.slot - below.round_start_slot) // below.seats
    producer = DELEGATE_BY_KEY.load(owners, header.producer)
    rounds = [] if producer is None else [(producer.data, RoundView(number, header.height, len(envelope.transactions), fees, 0))]
    missed = dict(below.missed)
    for key, data in rows.items():
        if key.startswith(DELEGATES.prefix):
            account, counted = key[len(DELEGATES.prefix) :], DELEGATES.decode(data).missed
            before = missed.get(account, 0 if below.is_whole else counted)
            missed[account] = counted
            if counted > before:
                rounds.append((account, RoundView(number, 0, 0, 0, counted - before)))
    yield BlockFacts(header.height, accounts, rounds, carried_after(rows, missed, is_whole=below.is_whole))


def _concerned(sender: bytes, actions: tuple[object, ...]) -> set[bytes]:
    return {sender, *(account for action in actions for account in _named(decode_action(action)))}  # type: ignore[arg-type]


def _named(action: Action) -> tuple[bytes, ...]:
    """Accounts that an action names beside its sender's."""
    match action:
        case Transfer():
            return (action.recipient,)
        case Stake() | Unstake() | ClaimRewards():
            return (action.delegate,)
        case RegisterDelegate() | RetireDelegate() | ComeBack() | SubmitEvidence() | VoteChange():
            return ()
        case _:
            assert_never(action)
