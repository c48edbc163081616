"""Transactions that wait for a block: bounded, in nonce order per account, by fee between accounts.

A queue per account holds consecutive nonces, beginning with the first that is not final (`account_queue` says where
blocks make an exception).  Nothing is queued after a gap: a client is told which nonce is next instead.  Every
transaction that leaves does so with a status and a reason, which is remembered for a while.

Bounds: transactions, bytes, transactions per account, and endings remembered.  A full pool takes a better-paying
transaction by evicting the worst-paying one (and what its sender queued after it).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum, unique
from functools import partial
from typing import NamedTuple

from p2pchain.chain.account_queue import AccountQueue
from p2pchain.chain.errors import Code, Invalid, NotYet, Refusal
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.penalty import matured_amount
from p2pchain.chain.state import ACCOUNTS, DELEGATES, EMPTY_ACCOUNT, STAKES, Account, View
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
        self.params = spec.genesis_params
        """Those in force at the head: the engine keeps them in step."""
        self.limits = limits
        """May be replaced: what is there beyond new ones stays until it is in a block, expires, or gives way to who pays more."""
        self.bytes = 0
        self._by_id: dict[TransactionId, Transaction] = {}
        self._queues: dict[bytes, AccountQueue] = {}
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

    def waiting_of(self, sender: bytes) -> Sequence[Transaction]:
        """In nonce order."""
        queue = self._queues.get(sender)
        return queue.items if queue is not None else ()

    def next_nonce(self, sender: bytes, account_nonce: int) -> int:
        """First nonce of the account that nothing here uses."""
        queue = self._queues.get(sender)
        return account_nonce if queue is None else queue.next_nonce(account_nonce)

    def fee_floor(self) -> int:
        """Least fee a byte that gets in now."""
        least = self.params.fee_per_byte
        if len(self) < self.limits.transactions_max and self.bytes < self.limits.bytes_max:
            return least
        cheapest = self._cheapest_entry()
        return least if cheapest is None else max(least, cheapest[0] // RATE_SCALE + 1)

    def add(self, transaction: Transaction, view: View, slot: int) -> None:
        """Take a verified transaction, judged by the state at the head; a `Refusal` leaves the pool as it was."""
        if transaction.id in self._by_id:
            raise NotYet(Code.DUPLICATE, "this transaction is in the mempool already", id=transaction.id)
        validate_for_slot(transaction, slot, self.params)
        account = ACCOUNTS.load(view, transaction.sender) or EMPTY_ACCOUNT
        if transaction.nonce < account.nonce:
            text = f"nonce is {transaction.nonce}, the account is at {account.nonce}"
            raise Invalid(Code.NONCE_TOO_LOW, text, found=transaction.nonce, wanted=account.nonce)
        queue = self._queues.get(transaction.sender) or AccountQueue()
        wanted = queue.next_nonce(account.nonce)
        if transaction.nonce > wanted:
            text = f"nonce is {transaction.nonce}, the next one of this account is {wanted}"
            raise NotYet(Code.NONCE_GAP, text, found=transaction.nonce, wanted=wanted)
        old = queue.get(transaction.nonce)
        self._validate_funds(transaction, old, queue, account, view, slot)
        if old is not None:
            self._replace(old, transaction, queue)
            return
        self._validate_count(queue)
        self._make_room(transaction)
        queue.put(transaction)
        self._queues[transaction.sender] = queue
        self._index(transaction)

    def validate_place(self, transaction: Transaction) -> None:
        """Whether the pool has room for it beside, or in place of, what waits; `Refusal` as of `add`, which also looks at the state."""
        queue = self._queues.get(transaction.sender) or AccountQueue()
        old = queue.get(transaction.nonce)
        if old is not None:
            self._validate_replacement(old, transaction)
        else:
            self._validate_count(queue)
            self._victims(transaction)

    def select(self, view: View, *, bytes_max: int, count_max: int) -> Iterator[Transaction]:
        """The best-paying transactions in nonce order, as of the state `view`, as many as fit into a block."""
        heap = []
        for order, (sender, queue) in enumerate(self._queues.items()):
            account = ACCOUNTS.load(view, sender) or EMPTY_ACCOUNT
            items, place = queue.items, queue.place(account.nonce)
            if place < len(items) and items[place].nonce == account.nonce:
                heap.append((-fee_rate(items[place]), order, place, items))
        heapq.heapify(heap)
        room, count = bytes_max, 0
        while heap and count < count_max:
            _, order, place, items = heap[0]
            transaction = items[place]
            size = len(transaction.raw) + ITEM_OVERHEAD_BYTES
            if size > room:
                heapq.heappop(heap)
                continue
            if place + 1 < len(items) and items[place + 1].nonce == transaction.nonce + 1:
                heapq.heapreplace(heap, (-fee_rate(items[place + 1]), order, place + 1, items))
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
            for first in queue.take_until(transaction.nonce) if queue is not None else ():
                self._unindex(first)
                if first.id != transaction.id:
                    self._end(first, Ending.REPLACED, Code.NONCE_TOO_LOW, f"another transaction with nonce {first.nonce} is final")
            if queue is not None and not queue:
                del self._queues[transaction.sender]
            self._ended.pop(transaction.id, None)

    def expire(self, slot: int, view: View) -> None:
        """Drop what may no longer be included in `slot` or later, and is not included as of `view`, the state at the head."""
        included = []
        while self._expiring and self._expiring[0][0] < slot:
            entry = heapq.heappop(self._expiring)
            transaction = self._by_id.get(entry[1])
            if transaction is None:
                continue
            if (ACCOUNTS.load(view, transaction.sender) or EMPTY_ACCOUNT).nonce > transaction.nonce:
                included.append(entry)
                continue
            text = f"valid until slot {transaction.valid_until}, it is slot {slot}"
            self.reject(transaction, Code.EXPIRED, text, ending=Ending.EXPIRED)
        # their block may yet fall away
        for entry in included:
            heapq.heappush(self._expiring, entry)

    def review(self, slot: int, view: View) -> None:
        """Drop what the parameters, which have just changed, do not allow, and what is not included as of `view`."""
        for transaction in list(self):
            try:
                validate_for_slot(transaction, min(slot, transaction.valid_until), self.params)
            except Refusal as refusal:
                if (ACCOUNTS.load(view, transaction.sender) or EMPTY_ACCOUNT).nonce <= transaction.nonce:
                    self.reject(transaction, refusal.code, refusal.message)

    def reject(self, transaction: Transaction, code: Code, message: str, *, ending: Ending = Ending.REJECTED) -> None:
        """Drop a transaction with its reason, and what its sender queued after it, which now has a gap before it."""
        queue = self._queues.get(transaction.sender)
        if transaction.id not in self._by_id or queue is None:
            return
        _, *later = queue.cut_from(transaction.nonce)
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
        self, transaction: Transaction, old: Transaction | None, queue: AccountQueue, account: Account, view: View, slot: int
    ) -> None:
        balance = account.balance
        if account.staker:
            stakes = STAKES.load(view, transaction.sender)
            balance += matured_amount(stakes, slot, partial(DELEGATES.load, view)) if stakes else 0
        waiting = queue.spends_from(account.nonce) - (old.spends if old else 0)
        if waiting + transaction.spends > balance:
            text = f"balance is {balance}, {transaction.spends} wanted beside {waiting} for transactions that wait"
            raise NotYet(Code.INSUFFICIENT_FUNDS, text, found=balance, wanted=transaction.spends, waiting=waiting)

    def _validate_count(self, queue: AccountQueue) -> None:
        most = self.limits.per_account_max
        if len(queue) >= most:
            raise NotYet(Code.ACCOUNT_LIMIT, f"account has {most} transactions waiting, the most allowed", wanted=most)

    def _validate_replacement(self, old: Transaction, new: Transaction) -> None:
        least = old.fee + max(1, old.fee * REPLACEMENT_PERCENT // 100)
        if new.fee < least:
            text = f"nonce {new.nonce} is taken by {old.id.hex()}: fee is {new.fee}, at least {least} wanted to replace it"
            raise NotYet(Code.REPLACEMENT_FEE_TOO_LOW, text, found=new.fee, wanted=least)
        if self.bytes - len(old.raw) + len(new.raw) > self.limits.bytes_max:
            text = f"mempool holds {self.bytes} bytes: a replacement longer than the {len(old.raw)} bytes it replaces has no room"
            raise NotYet(Code.POOL_FULL, text, wanted=len(old.raw))

    def _replace(self, old: Transaction, new: Transaction, queue: AccountQueue) -> None:
        self._validate_replacement(old, new)
        queue.put(new)
        self._unindex(old)
        self._end(old, Ending.REPLACED, Code.REPLACED, f"replaced by {new.id.hex()}, which pays {new.fee}")
        self._index(new)

    def _make_room(self, transaction: Transaction) -> None:
        """Evict whatever pays less, or refuse: then nobody is evicted for one that does not get in."""
        for victim in self._victims(transaction):
            self.reject(victim, Code.EVICTED, "the mempool is full and others pay more")

    def _victims(self, transaction: Transaction) -> list[Transaction]:
        entries: list[tuple[int, TransactionId]] = []
        victims: list[Transaction] = []
        leaving: dict[TransactionId, int] = {}
        count_max, bytes_max = self.limits.transactions_max - 1, self.limits.bytes_max - len(transaction.raw)
        freed = 0
        try:
            while len(self) - len(leaving) > count_max or self.bytes - freed > bytes_max:
                cheapest = self._cheapest_entry()
                victim = self._by_id[cheapest[1]] if cheapest else None
                if cheapest is None or victim is None or fee_rate(transaction) <= cheapest[0] or victim.sender == transaction.sender:
                    text = f"mempool holds {len(self)} transactions and {self.bytes} bytes: a fee of {self.fee_floor()} a byte gets in"
                    raise NotYet(Code.POOL_FULL, text, wanted=self.fee_floor())
                entries.append(heapq.heappop(self._cheapest))
                if victim.id not in leaving:
                    queue = self._queues[victim.sender]
                    victims.append(victim)
                    leaving |= {item.id: len(item.raw) for item in queue.items[queue.place(victim.nonce) :]}
                    freed = sum(leaving.values())
        finally:
            for entry in entries:
                heapq.heappush(self._cheapest, entry)
        return victims

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
        if max(len(self._cheapest), len(self._expiring)) > 2 * len(self) + 64:
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
