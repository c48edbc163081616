"""What would become of transactions that nobody submitted: run on the head's state, after what their senders have waiting.

Nothing here changes anything.  The same `run_transaction` decides as in a block, so the answer is right as long as the
next block stands where it was asked for; what others have waiting may still come before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from p2pchain.chain.errors import Code, Evidence, Refusal
from p2pchain.chain.outcomes import MEANINGS
from p2pchain.chain.state import Ledger
from p2pchain.chain.transaction import Transaction, fee_min
from p2pchain.chain.transition import Place, run_transaction
from p2pchain.chain.types import TransactionId
from p2pchain.node.core import Core


class Trial(NamedTuple):
    """`succeeds`; `fails`: its fee would be paid and nothing else done; `refused`: it would be in no block."""

    id: TransactionId | None
    outcome: Literal["succeeds", "fails", "refused"]
    code: Code | None
    message: str
    evidence: dict[str, Evidence]
    fee: int | None
    fee_least: int | None
    """What a block would take."""


def try_out(core: Core, items: Sequence[Transaction | Refusal]) -> list[Trial]:
    """In the order given, each after those before it that would be in a block."""
    head = core.head
    place = Place(core.spec, head.schedule.terms.params, head.height + 1, max(core.slot, head.slot + 1))
    ledger = Ledger(core.head_view())
    caught_up: set[bytes] = set()
    trials = []
    for item in items:
        if isinstance(item, Refusal):
            trials.append(_refused(None, item, place))
            continue
        if item.sender not in caught_up:
            caught_up.add(item.sender)
            _run_waiting(core, ledger, item, place)
        trials.append(_try(core, ledger, item, place))
    return trials


def _run_waiting(core: Core, ledger: Ledger, first: Transaction, place: Place) -> None:
    """What comes before the first of a sender; one with its nonce is itself, or what it would replace."""
    for waiting in core.pool.waiting_of(first.sender):
        if waiting.nonce >= first.nonce:
            return
        with suppress(Refusal):  # it is in the head already, or it will leave the pool with this reason
            run_transaction(ledger, waiting, place)
            ledger.keep()
        ledger.drop()


def _try(core: Core, ledger: Ledger, item: Transaction, place: Place) -> Trial:
    try:
        if item.id not in {waiting.id for waiting in core.pool.waiting_of(item.sender)}:
            core.pool.validate_place(item)
        code = run_transaction(ledger, item, place)
    except Refusal as refusal:
        ledger.drop()
        return _refused(item, refusal, place)
    ledger.keep()
    outcome: Literal["succeeds", "fails"] = "succeeds" if code is None else "fails"
    return Trial(item.id, outcome, code, "" if code is None else MEANINGS[code], {}, item.fee, fee_min(item, place.params))


def _refused(item: Transaction | None, refusal: Refusal, place: Place) -> Trial:
    least = None if item is None else fee_min(item, place.params)
    fee = None if item is None else item.fee
    return Trial(item and item.id, "refused", refusal.code, refusal.message, dict(refusal.evidence), fee, least)
