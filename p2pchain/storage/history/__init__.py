"""The index of history: an LMDB environment of its own, beside the ledger, that may be thrown away at any time.

It follows the final blocks and is never waited for.  What is wrong with it is told, and ends nothing but the index.
"""

from p2pchain.storage.history.book import HistoryBook, State, open_book
from p2pchain.storage.history.facts import BlockFacts, Carried, carried_after, facts_of

__all__ = ["BlockFacts", "Carried", "HistoryBook", "State", "carried_after", "facts_of", "open_book"]
