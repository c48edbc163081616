"""Stake, unbonding and rewards: the arithmetic behind the stake actions and the block reward.

Rewards follow the accumulator of Batog, Boca and Johnson, "Scalable Reward Distribution on the Ethereum
Blockchain" (2018): a delegate keeps the sum of rewards per unit of stake, each position the value up to which it
was paid, so a reward costs the same for one staker or a million.  Rounding always leaves the remainder in the
delegate's pool; nothing is created by it.
"""

from __future__ import annotations

from p2pchain.chain.coins import credit
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.penalty import burn, matured_amount, position_amount
from p2pchain.chain.state import ACCOUNTS, DELEGATES, GLOBALS, STAKES, Delegate, Ledger, Position, Stakes, Unbonding

POSITIONS_MAX = 16
"""Positions and unbonding entries an account may hold at once: bounds the row that a stake action rewrites."""
_SCALE_BITS = 64
_MARK_BYTES = 16
COMMISSION_WHOLE = 10_000


def stakes_of(ledger: Ledger, account: bytes) -> Stakes:
    return ledger.get(STAKES, account) or Stakes()


def require_delegate(ledger: Ledger, account: bytes) -> Delegate:
    delegate = ledger.get(DELEGATES, account)
    if delegate is None:
        raise NotYet(Code.NOT_A_DELEGATE, f"{account.hex()} is not a registered delegate", account=account)
    return delegate


def put_stakes(ledger: Ledger, account: bytes, stakes: Stakes) -> None:
    """Write an account's stakes and keep the `staker` mark of its account row in step."""
    ledger.put(STAKES, account, stakes)
    row = ledger.account(account)
    staker = 1 if stakes.positions or stakes.unbonding else 0
    if row.staker != staker:
        ledger.put(ACCOUNTS, account, row._replace(staker=staker))


def release_matured(ledger: Ledger, account: bytes, slot: int) -> None:
    """Credit all unbonding coins whose time has come and burn what a conviction took of them.

    Runs when the account sends a transaction.
    """
    if not ledger.account(account).staker:
        return
    stakes = stakes_of(ledger, account)
    locked = sum(entry.amount for entry in stakes.unbonding if entry.release_slot <= slot)
    if locked:
        matured = matured_amount(stakes, slot, lambda item: ledger.get(DELEGATES, item))
        waiting = tuple(entry for entry in stakes.unbonding if entry.release_slot > slot)
        put_stakes(ledger, account, stakes._replace(unbonding=waiting))
        credit(ledger, account, matured)
        burn(ledger, locked - matured)


def change_stake(ledger: Ledger, account: bytes, delegate_account: bytes, amount: int) -> int:
    """Add `amount` (negative: take away) to a position, settle its rewards and its penalty, and return the rewards.

    Raises `Invalid`/`NotYet` where the position is missing, too small, or one too many.
    """
    delegate = require_delegate(ledger, delegate_account)
    stakes = stakes_of(ledger, account)
    old = next((p for p in stakes.positions if p.delegate == delegate_account), None)
    held = position_amount(old, delegate) if old else 0
    if held + amount < 0:
        raise NotYet(Code.NO_SUCH_STAKE, f"stake with this delegate is {held}, {-amount} wanted", found=held, wanted=-amount)
    if old is None and len(stakes.positions) >= POSITIONS_MAX:
        raise Invalid(Code.TOO_MANY_POSITIONS, f"account has {POSITIONS_MAX} stake positions, which is the most allowed")
    reward = unsettled_reward(old, delegate) if old else 0
    others = [p for p in stakes.positions if p.delegate != delegate_account]
    if held + amount:
        slashed = 1 if delegate.convicted_slot else 0
        others.append(Position(delegate_account, held + amount, delegate.reward_per_stake, slashed))
    put_stakes(ledger, account, stakes._replace(positions=tuple(sorted(others))))
    ledger.put(DELEGATES, delegate_account, delegate._replace(stake=delegate.stake + amount, reward_pool=delegate.reward_pool - reward))
    if amount:
        totals = ledger.get(GLOBALS)
        assert totals is not None, "the globals row is written by the genesis"
        ledger.put(GLOBALS, b"", totals._replace(total_stake=totals.total_stake + amount))
    return reward


def held_with(ledger: Ledger, account: bytes, delegate_account: bytes) -> int:
    """What an account has at stake with a delegate now."""
    position = next((p for p in stakes_of(ledger, account).positions if p.delegate == delegate_account), None)
    return 0 if position is None else position_amount(position, require_delegate(ledger, delegate_account))


def begin_unbonding(ledger: Ledger, account: bytes, entry: Unbonding) -> None:
    """Lock what was unstaked until its release."""
    stakes = stakes_of(ledger, account)
    if len(stakes.unbonding) >= POSITIONS_MAX:
        first = min(entry.release_slot for entry in stakes.unbonding)
        raise NotYet(Code.TOO_MANY_POSITIONS, f"account has {POSITIONS_MAX} amounts unbonding, the first until slot {first}", slot=first)
    put_stakes(ledger, account, stakes._replace(unbonding=(*stakes.unbonding, entry)))


def unsettled_reward(position: Position, delegate: Delegate) -> int:
    """What a position has earned since it was last settled, rounded down.

    A convicted delegate earns nothing for its stakers any more, so all of it was earned by the whole amount.
    """
    gained = int.from_bytes(delegate.reward_per_stake, "big") - int.from_bytes(position.mark, "big")
    return position.amount * gained >> _SCALE_BITS


def add_reward(delegate: Delegate, amount: int) -> tuple[Delegate, int]:
    """Share a block reward: (the delegate's new row, what the delegate itself gets now).

    The delegate keeps its commission and all of it where nobody staked; the stakers' part waits in the pool.
    """
    commission = amount * delegate.commission_bps // COMMISSION_WHOLE if delegate.stake else amount
    shared = amount - commission
    if not shared:
        return delegate, commission
    total = int.from_bytes(delegate.reward_per_stake, "big") + (shared << _SCALE_BITS) // delegate.stake
    row = delegate._replace(reward_per_stake=total.to_bytes(_MARK_BYTES, "big"), reward_pool=delegate.reward_pool + shared)
    return row, commission
