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

WAITING_RUN_MAX = 1_000
"""Transactions that wait before the tried ones, of all their senders: the loop runs them at one go, in about 20 ms."""


class TooMuchWaitsError(Exception):
    """More waits before these transactions than is run for a trial."""

    def __init__(self, found: int) -> None:
        super().__init__(f"{found} transactions of these senders wait before them, at most {WAITING_RUN_MAX} are run for a trial")
        self.found = found


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
    """In the order given, each after those before it that would be in a block.  `TooMuchWaitsError` where that is much work."""
    head = core.head
    place = Place(core.spec, head.schedule.terms.params, head.height + 1, max(core.slot, head.slot + 1))
    ledger = Ledger(core.head_view())
    for waiting in _waiting_before(core, items):
        with suppress(Refusal):  # it is in the head already, or it will leave the pool with this reason
            run_transaction(ledger, waiting, place)
            ledger.keep()
        ledger.drop()
    return [_refused(None, item, place) if isinstance(item, Refusal) else _try(core, ledger, item, place) for item in items]


def _waiting_before(core: Core, items: Sequence[Transaction | Refusal]) -> list[Transaction]:
    """What comes before the first of each sender; one with its nonce is itself, or what it would replace."""
    firsts: dict[bytes, int] = {}
    for item in items:
        if not isinstance(item, Refusal):
            firsts.setdefault(item.sender, item.nonce)
    found = [waiting for sender, nonce in firsts.items() for waiting in core.pool.waiting_of(sender) if waiting.nonce < nonce]
    if len(found) > WAITING_RUN_MAX:
        raise TooMuchWaitsError(len(found))
    return found


def _try(core: Core, ledger: Ledger, item: Transaction, place: Place) -> Trial:
    try:
        if core.pool.get(item.id) is None:
            core.pool.validate_place(item)
        code = run_transaction(ledger, item, place)
    except Refusal as refusal:
        ledger.drop()
        return _refused(item, refusal, place)
    ledger.keep()
    outcome: Literal["succeeds", "fails"] = "succeeds" if code is None else "fails"
    return Trial(item.id, outcome, code, "" if code is None else MEANINGS[code], {}, item.fee, fee_min(item, place.params))


def _refused(item: Transaction | None, refusal: Refusal, place: Place) -> Trial:
    told = refusal.code, refusal.message, dict(refusal.evidence)
    if item is None:
        return Trial(None, "refused", *told, None, None)
    return Trial(item.id, "refused", *told, item.fee, fee_min(item, place.params))
