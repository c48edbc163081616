"""Moving coins between the balances of a ledger; nothing else changes a balance."""

from __future__ import annotations

from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.state import ACCOUNTS, Account, Ledger
from p2pchain.chain.types import AMOUNT_MAX


def credit(ledger: Ledger, account: bytes, amount: int) -> None:
    """Add to a balance.  Supply stays below 2**63, so a balance cannot overflow honestly."""
    balance, nonce, staker = ledger.account(account)
    if balance + amount > AMOUNT_MAX:
        raise Invalid(Code.BAD_AMOUNT, f"balance would be {balance + amount}, at most {AMOUNT_MAX} allowed")
    ledger.put(ACCOUNTS, account, Account(balance + amount, nonce, staker))


def debit(ledger: Ledger, account: bytes, amount: int) -> None:
    """Take from a balance; `NotYet` where it holds less, because coins may still arrive."""
    balance, nonce, staker = ledger.account(account)
    require_balance(balance, amount)
    ledger.put(ACCOUNTS, account, Account(balance - amount, nonce, staker))


def require_balance(balance: int, amount: int) -> None:
    """`NotYet` where a balance holds less than is to be taken out of it."""
    if balance < amount:
        raise NotYet(Code.INSUFFICIENT_FUNDS, f"balance is {balance}, {amount} wanted", found=balance, wanted=amount)
