"""The transactions of one account that wait, in nonce order, with the running sum of what they spend.

Nonces ascend and never repeat.  They are consecutive but where blocks hold transactions that never were here: a
block that is not final yet may take the account past the end of its queue, and a change of the head back before
its beginning.  So places are searched, never computed from the first nonce; and what a queue spends is a
difference of two sums, so that a long queue costs no more than a short one.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from p2pchain.chain.transaction import Transaction

_NONCE = attrgetter("nonce")


class AccountQueue:
    """One account's waiting transactions."""

    __slots__ = ("_gone", "_sums", "items")

    def __init__(self) -> None:
        self.items: list[Transaction] = []
        """In nonce order; read by others, changed only here."""
        self._sums: list[int] = []
        """What all transactions up to this one spend, those that left from the front included."""
        self._gone = 0
        """The sum at which those that left from the front ended."""

    def __len__(self) -> int:
        return len(self.items)

    def place(self, nonce: int) -> int:
        """How many transactions come before this nonce."""
        return bisect_left(self.items, nonce, key=_NONCE)

    def get(self, nonce: int) -> Transaction | None:
        if not self.items or nonce > self.items[-1].nonce:
            return None
        place = self.place(nonce)
        return self.items[place] if self.items[place].nonce == nonce else None

    def next_nonce(self, account_nonce: int) -> int:
        """The first nonce from the account's on that nothing here uses."""
        items = self.items
        if not items:
            return account_nonce
        if items[0].nonce <= account_nonce <= items[-1].nonce == items[0].nonce + len(items) - 1:
            return items[-1].nonce + 1  # as nearly always: no gap, and the account stands within
        place = self.place(account_nonce)
        end = bisect_left(range(len(items)), account_nonce - place + 1, lo=place, key=lambda i: items[i].nonce - i)
        return account_nonce + end - place

    def spends_from(self, nonce: int) -> int:
        """What the transactions from this nonce on spend together."""
        if not self._sums:
            return 0
        place = self.place(nonce)
        before = self._sums[place - 1] if place else self._gone
        return self._sums[-1] - before

    def put(self, transaction: Transaction) -> None:
        """Insert in nonce order, in place of one with the same nonce."""
        if not self.items or transaction.nonce > self.items[-1].nonce:
            self._sums.append((self._sums[-1] if self._sums else self._gone) + transaction.spends)
            self.items.append(transaction)
            return
        place = self.place(transaction.nonce)
        same = place < len(self.items) and self.items[place].nonce == transaction.nonce
        self.items[place : place + same] = [transaction]
        del self._sums[place:]
        for item in self.items[place:]:
            self._sums.append((self._sums[-1] if self._sums else self._gone) + item.spends)

    def take_until(self, nonce: int) -> list[Transaction]:
        """Remove and return everything up to and with this nonce."""
        count = self.place(nonce + 1)
        taken = self.items[:count]
        if taken:
            self._gone = self._sums[count - 1]
            del self.items[:count], self._sums[:count]
        return taken

    def cut_from(self, nonce: int) -> list[Transaction]:
        """Remove and return everything from this nonce on."""
        place = self.place(nonce)
        cut = self.items[place:]
        del self.items[place:], self._sums[place:]
        return cut
