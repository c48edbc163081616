"""What a conviction costs: a share of all stake with the delegate, taken once and for ever.

The share leaves the delegate's total at once.  Each position is cut when it is next touched, and each amount that was
unbonding when it is released: a delegate is convicted at most once, so two numbers in its row say what every one of
its stakers has lost.  A staker keeps `amount * (10000 - slashed_bps) / 10000` rounded down, so the positions never hold
more than the delegate's total; what rounding leaves stays in that total.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from p2pchain.chain.coins import credit
from p2pchain.chain.state import CANDIDATES, DELEGATES, GLOBALS, Delegate, Ledger, Position, Single, Stakes, Unbonding
from p2pchain.chain.types import KEY_BYTES

WHOLE = 10_000
DelegateOf: TypeAlias = Callable[[bytes], "Delegate | None"]
"""Looks a delegate up by its account, in whatever state the caller speaks of."""


def kept_share(amount: int, slashed_bps: int) -> int:
    """What a cut leaves of an amount."""
    return amount * (WHOLE - slashed_bps) // WHOLE


def position_amount(position: Position, delegate: Delegate) -> int:
    """What a position is worth after its delegate's conviction, if there was one."""
    if position.slashed or not delegate.convicted_slot:
        return position.amount
    return kept_share(position.amount, delegate.slashed_bps)


def unbonding_amount(entry: Unbonding, delegate_of: DelegateOf) -> int:
    """What will be released: less where it was at stake in the offence's slot or later and not yet free at the conviction."""
    delegate = delegate_of(entry.delegate) if entry.delegate else None
    if delegate is None or not delegate.convicted_slot:
        return entry.amount
    was_at_stake = entry.began_slot >= delegate.offence_slot and entry.release_slot > delegate.convicted_slot
    return kept_share(entry.amount, delegate.slashed_bps) if was_at_stake else entry.amount


def matured_amount(stakes: Stakes, slot: int, delegate_of: DelegateOf) -> int:
    """How much of what is unbonding may be spent in `slot`."""
    return sum(unbonding_amount(entry, delegate_of) for entry in stakes.unbonding if entry.release_slot <= slot)


def burn(ledger: Ledger, amount: int) -> None:
    """Count coins as gone."""
    if amount:
        totals = ledger.get(GLOBALS)
        assert totals is not None, "the globals row is written by the genesis"
        ledger.put(GLOBALS, b"", totals._replace(burned=totals.burned + amount))


def punish(ledger: Ledger, account: bytes, *, offence_slot: int, slot: int, slash_bps: int) -> int:
    """Convict a delegate that is not convicted yet; the coins taken are returned and are nobody's until they are burned or paid.

    The delegate leaves the candidates, also where it is the last: those who sit stay then, until somebody stands.
    """
    delegate = ledger.get(DELEGATES, account)
    assert delegate is not None, "who is convicted is a delegate"
    assert not delegate.convicted_slot, "nobody is convicted twice"
    left = kept_share(delegate.stake, slash_bps)
    taken = delegate.stake - left
    row = delegate._replace(stake=left, retired=1, convicted_slot=slot, offence_slot=min(offence_slot, slot), slashed_bps=slash_bps)
    ledger.put(DELEGATES, account, row)
    totals = ledger.get(GLOBALS)
    assert totals is not None, "the globals row is written by the genesis"
    ledger.put(GLOBALS, b"", totals._replace(total_stake=totals.total_stake - taken))
    _leave_candidates(ledger, account)
    return taken


def divide(ledger: Ledger, taken: int, reporter: bytes, reward_bps: int) -> None:
    """A part of what was taken for who reported the offence; the rest is burned."""
    reward = taken * reward_bps // WHOLE
    credit(ledger, reporter, reward)
    burn(ledger, taken - reward)


def _leave_candidates(ledger: Ledger, account: bytes) -> None:
    row = ledger.get(CANDIDATES)
    data = row.data if row else b""
    ids = [data[i : i + KEY_BYTES] for i in range(0, len(data), KEY_BYTES)]
    if account in ids:
        ledger.put(CANDIDATES, b"", Single(b"".join(item for item in ids if item != account)))
