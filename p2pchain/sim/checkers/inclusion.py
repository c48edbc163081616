"""L3: f censors delay a valid, paid transaction that one honest delegate knows by no more than 2(f+1)+3 slots.

The longest row of slots that f liars can lead is 2f, where one round ends and the next begins with them; two more slots
are lost before and after, and finality takes its own.  Owed in worlds where nobody does worse than to censor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.mempool import Mempool
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import TransactionId


def slots_max(censors: int) -> int:
    return 2 * (censors + 1) + 3


class InclusionChecker:
    """Transactions that an honest node took, until they are final."""

    def __init__(self, censors: int, slot_ms: int, from_ms: int) -> None:
        self._slots_max = slots_max(censors)
        self._slot_ms = slot_ms
        self._from_ms = from_ms
        """Earlier the network has other troubles."""
        self._since: dict[TransactionId, int] = {}
        self.worst_ms = 0
        self.included = 0

    def taken(self, transaction: Transaction, account_nonce: int, now_ms: int) -> None:
        """An honest node answered a client that it waits.

        Asked of transfers alone, which no other transaction here can make invalid, and not of one that stands behind another
        of its account: whether a stake or a retirement is still possible when its turn comes, no leader can promise.
        """
        is_sure = all(isinstance(action, Transfer) for action in transaction.actions)
        if is_sure and transaction.nonce == account_nonce and now_ms >= self._from_ms:
            self._since.setdefault(transaction.id, now_ms)

    def final(self, transactions: Iterable[Transaction], now_ms: int) -> None:
        for transaction in transactions:
            since = self._since.pop(transaction.id, None)
            if since is not None:
                self.included += 1
                self.worst_ms = max(self.worst_ms, now_ms - since)

    def overdue(self, pool: Mempool, now_ms: int) -> Iterator[tuple[str, str]]:
        """What an honest node still holds for longer than it should; what nobody holds any more was replaced or had no room."""
        for item, since in list(self._since.items()):
            if now_ms - since > self._slots_max * self._slot_ms and pool.get(item) is not None:
                del self._since[item]
                waited = (now_ms - since) / self._slot_ms
                yield "L3", f"transaction {item.hex()[:12]} waits for {waited:.1f} slots, at most {self._slots_max} wanted"
