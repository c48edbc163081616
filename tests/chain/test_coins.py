"""Crediting and debiting at their bounds: a refusal writes nothing."""

import pytest

from p2pchain.chain.coins import credit, debit
from p2pchain.chain.errors import Code, Invalid, NotYet
from p2pchain.chain.state import ACCOUNTS, Account, Ledger
from p2pchain.chain.types import AMOUNT_MAX
from tests.chain.ledger import Rows, account_id

WHO = account_id(0)


def ledger(balance: int) -> Ledger:
    found = Ledger(Rows({}, {}))
    found.put(ACCOUNTS, WHO, Account(balance, 7, 1))
    return found


def test_a_balance_may_reach_the_largest_amount_and_not_more() -> None:
    book = ledger(AMOUNT_MAX - 5)
    with pytest.raises(Invalid, match="at most") as refusal:
        credit(book, WHO, 6)
    assert refusal.value.code is Code.BAD_AMOUNT
    assert book.account(WHO) == (AMOUNT_MAX - 5, 7, 1)
    credit(book, WHO, 5)
    assert book.account(WHO) == (AMOUNT_MAX, 7, 1)


def test_a_balance_may_be_spent_whole_and_not_more() -> None:
    book = ledger(5)
    with pytest.raises(NotYet) as refusal:
        debit(book, WHO, 6)
    assert refusal.value.code is Code.INSUFFICIENT_FUNDS
    assert book.account(WHO) == (5, 7, 1)
    debit(book, WHO, 5)
    assert book.account(WHO) == (0, 7, 1)
