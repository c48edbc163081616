"""Transactions that wait for a block: bounded, in nonce order per account, by fee between accounts.

A queue per account holds consecutive nonces, beginning with the first that is not final.  Nothing is queued after a
gap: a client is told which nonce is next instead.  Every transaction that leaves does so with a status and a
reason, which is remembered for a while.

Bounds: transactions, bytes, transactions per account, and endings remembered.  A full pool takes a better-paying
transaction by evicting the worst-paying one (and what its sender queued after it).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import StrEnum, unique
from typing import NamedTuple

from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.staking import matured_amount
from p2pchain.chain.state import ACCOUNTS, EMPTY_ACCOUNT, STAKES, Account, View
from p2pchain.chain.transaction import Transaction, validate_for_slot
from p2pchain.chain.types import TransactionId

ENDINGS_MAX = 100_000
"""Endings remembered: about 30 MB at the worst, several minutes at full load."""
REPLACEMENT_PERCENT = 10
"""How much more a replacement must pay, so that replacing costs what relaying it costs."""
ITEM_OVERHEAD_BYTES = 5
"""Length prefix of a transaction in a block."""


@unique
class Ending(StrEnum):
    """How a transaction left the pool without becoming final."""

    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"


class Ended(NamedTuple):
    ending: Ending
    code: Code
    message: str


class Limits(NamedTuple):
    transactions_max: int = 50_000
    bytes_max: int = 64 << 20
    per_account_max: int = 4_096


class Mempool:
    """Verified transactions by sender and nonce."""

    def __init__(self, spec: ChainSpec, limits: Limits) -> None:
        self._spec = spec
        self.limits = limits
        self.bytes = 0
        self._by_id: dict[TransactionId, Transaction] = {}
        self._queues: dict[bytes, list[Transaction]] = {}
        self._ended: OrderedDict[TransactionId, Ended] = OrderedDict()
        self._cheapest: list[tuple[int, TransactionId]] = []
        self._expiring: list[tuple[int, TransactionId]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Transaction]:
        """In the order of arrival."""
        return iter(self._by_id.values())

    def get(self, item: TransactionId) -> Transaction | None:
        return self._by_id.get(item)

    def ended(self, item: TransactionId) -> Ended | None:
        return self._ended.get(item)

    def next_nonce(self, sender: bytes, account_nonce: int) -> int:
        """First nonce of the account that nothing here uses."""
        queue = self._queues.get(sender)
        return max(account_nonce, queue[-1].nonce + 1) if queue else account_nonce

    def fee_floor(self) -> int:
        """Least fee a byte that gets in now."""
        least = self._spec.params.fee_per_byte
        if len(self) < self.limits.transactions_max and self.bytes < self.limits.bytes_max:
            return least
        cheapest = self._cheapest_entry()
        return least if cheapest is None else max(least, -(-cheapest[0] // RATE_SCALE))

    def add(self, transaction: Transaction, view: View, slot: int) -> None:
        """Take a verified transaction, judged by the state at the head; a `Refusal` leaves the pool as it was."""
        if transaction.id in self._by_id:
            raise NotYet(Code.DUPLICATE, "this transaction is in the mempool already", id=transaction.id)
        validate_for_slot(transaction, slot, self._spec)
        account = ACCOUNTS.load(view, transaction.sender) or EMPTY_ACCOUNT
        if transaction.nonce < account.nonce:
            text = f"nonce is {transaction.nonce}, the account is at {account.nonce}"
            raise Invalid(Code.NONCE_TOO_LOW, text, found=transaction.nonce, wanted=account.nonce)
        queue = self._queues.get(transaction.sender, [])
        wanted = self.next_nonce(transaction.sender, account.nonce)
        if transaction.nonce > wanted:
            text = f"nonce is {transaction.nonce}, the next one of this account is {wanted}"
            raise NotYet(Code.NONCE_GAP, text, found=transaction.nonce, wanted=wanted)
        old = queue[transaction.nonce - queue[0].nonce] if transaction.nonce < wanted else None
        self._validate_funds(transaction, old, queue, account, view, slot)
        if old is not None:
            self._replace(old, transaction)
            return
        if len(queue) >= self.limits.per_account_max:
            most = self.limits.per_account_max
            raise NotYet(Code.ACCOUNT_LIMIT, f"account has {most} transactions waiting, the most allowed", wanted=most)
        self._make_room(transaction)
        self._queues.setdefault(transaction.sender, []).append(transaction)
        self._index(transaction)

    def select(self, view: View, *, bytes_max: int, count_max: int) -> Iterator[Transaction]:
        """The best-paying transactions in nonce order, as of the state `view`, as many as fit into a block."""
        heap = []
        for order, (sender, queue) in enumerate(self._queues.items()):
            account = ACCOUNTS.load(view, sender) or EMPTY_ACCOUNT
            place = account.nonce - queue[0].nonce
            if 0 <= place < len(queue):
                heap.append((-fee_rate(queue[place]), order, place, queue))
        heapq.heapify(heap)
        room, count = bytes_max, 0
        while heap and count < count_max:
            _, order, place, queue = heap[0]
            transaction = queue[place]
            size = len(transaction.raw) + ITEM_OVERHEAD_BYTES
            if size > room:
                heapq.heappop(heap)
                continue
            if place + 1 < len(queue):
                heapq.heapreplace(heap, (-fee_rate(queue[place + 1]), order, place + 1, queue))
            else:
                heapq.heappop(heap)
            room -= size
            count += 1
            yield transaction

    def has_ready(self, view: View) -> bool:
        """Whether `select` would find anything."""
        return next(self.select(view, bytes_max=1 << 30, count_max=1), None) is not None

    def settle(self, transactions: Iterable[Transaction]) -> None:
        """These became final: they leave, and so does whatever claimed the same nonces."""
        for transaction in transactions:
            queue = self._queues.get(transaction.sender)
            while queue and queue[0].nonce <= transaction.nonce:
                first = queue.pop(0)
                self._unindex(first)
                if first.id != transaction.id:
                    self._end(first, Ending.REPLACED, Code.NONCE_TOO_LOW, f"another transaction with nonce {first.nonce} is final")
            if queue is not None and not queue:
                del self._queues[transaction.sender]
            self._ended.pop(transaction.id, None)

    def expire(self, slot: int) -> None:
        """Drop what may no longer be included in `slot` or later."""
        while self._expiring and self._expiring[0][0] < slot:
            _, item = heapq.heappop(self._expiring)
            transaction = self._by_id.get(item)
            if transaction is not None:
                text = f"valid until slot {transaction.valid_until}, it is slot {slot}"
                self.reject(transaction, Code.EXPIRED, text, ending=Ending.EXPIRED)

    def reject(self, transaction: Transaction, code: Code, message: str, *, ending: Ending = Ending.REJECTED) -> None:
        """Drop a transaction with its reason, and what its sender queued after it, which now has a gap before it."""
        queue = self._queues.get(transaction.sender)
        if transaction.id not in self._by_id or queue is None:
            return
        place = transaction.nonce - queue[0].nonce
        later = queue[place + 1 :]
        del queue[place:]
        if not queue:
            del self._queues[transaction.sender]
        self._unindex(transaction)
        self._end(transaction, ending, code, message)
        for orphan in later:
            self._unindex(orphan)
            self._end(orphan, Ending.REJECTED, Code.NONCE_GAP, f"nonce {transaction.nonce} of this account was dropped: {code}")

    def refuse(self, transaction: Transaction, refusal: Refusal) -> None:
        """Remember why a transaction never got in, unless something better is known of it."""
        if transaction.id not in self._by_id and refusal.code is not Code.DUPLICATE:
            self._end(transaction, Ending.REJECTED, refusal.code, refusal.message)

    def _validate_funds(
        self, transaction: Transaction, old: Transaction | None, queue: list[Transaction], account: Account, view: View, slot: int
    ) -> None:
        balance = account.balance
        if account.staker:
            stakes = STAKES.load(view, transaction.sender)
            balance += matured_amount(stakes, slot) if stakes else 0
        waiting = sum(other.spends for other in queue if other.nonce >= account.nonce and other is not old)
        if waiting + transaction.spends > balance:
            text = f"balance is {balance}, {transaction.spends} wanted beside {waiting} for transactions that wait"
            raise NotYet(Code.INSUFFICIENT_FUNDS, text, found=balance, wanted=transaction.spends, waiting=waiting)

    def _replace(self, old: Transaction, new: Transaction) -> None:
        least = old.fee + max(1, old.fee * REPLACEMENT_PERCENT // 100)
        if new.fee < least:
            text = f"nonce {new.nonce} is taken by {old.id.hex()}: fee is {new.fee}, at least {least} wanted to replace it"
            raise NotYet(Code.REPLACEMENT_FEE_TOO_LOW, text, found=new.fee, wanted=least)
        queue = self._queues[old.sender]
        queue[old.nonce - queue[0].nonce] = new
        self._unindex(old)
        self._end(old, Ending.REPLACED, Code.REPLACED, f"replaced by {new.id.hex()}, which pays {new.fee}")
        self._index(new)

    def _make_room(self, transaction: Transaction) -> None:
        size = len(transaction.raw)
        while len(self) >= self.limits.transactions_max or self.bytes + size > self.limits.bytes_max:
            cheapest = self._cheapest_entry()
            victim = self._by_id[cheapest[1]] if cheapest else None
            if cheapest is None or victim is None or fee_rate(transaction) <= cheapest[0] or victim.sender == transaction.sender:
                text = f"mempool holds {len(self)} transactions and {self.bytes} bytes: a fee of {self.fee_floor()} a byte gets in"
                raise NotYet(Code.POOL_FULL, text, wanted=self.fee_floor())
            self.reject(victim, Code.EVICTED, "the mempool is full and others pay more")

    def _cheapest_entry(self) -> tuple[int, TransactionId] | None:
        while self._cheapest and self._cheapest[0][1] not in self._by_id:
            heapq.heappop(self._cheapest)
        return self._cheapest[0] if self._cheapest else None

    def _index(self, transaction: Transaction) -> None:
        self._by_id[transaction.id] = transaction
        self._ended.pop(transaction.id, None)
        self.bytes += len(transaction.raw)
        heapq.heappush(self._cheapest, (fee_rate(transaction), transaction.id))
        heapq.heappush(self._expiring, (transaction.valid_until, transaction.id))
        if len(self._cheapest) > 2 * len(self) + 64:
            self._cheapest = [(fee_rate(t), t.id) for t in self]
            self._expiring = [(t.valid_until, t.id) for t in self]
            heapq.heapify(self._cheapest)
            heapq.heapify(self._expiring)

    def _unindex(self, transaction: Transaction) -> None:
        del self._by_id[transaction.id]
        self.bytes -= len(transaction.raw)

    def _end(self, transaction: Transaction, ending: Ending, code: Code, message: str) -> None:
        self._ended[transaction.id] = Ended(ending, code, message)
        self._ended.move_to_end(transaction.id)
        if len(self._ended) > ENDINGS_MAX:
            self._ended.popitem(last=False)


RATE_SCALE = 1 << 20


def fee_rate(transaction: Transaction) -> int:
    """Fee for each unit of weight (a byte or a unit of work), scaled to stay an integer."""
    weight = len(transaction.raw) + sum(action.WORK for action in transaction.actions)
    return transaction.fee * RATE_SCALE // weight
