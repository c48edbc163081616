"""Whom to dial next: every group of addresses has its turn before one has a second, and none has more than its limit.

So who holds addresses in fewer groups than there are outbound places never gets all of these, however many addresses it
has, while one honest node of another group is in the book and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from p2pchain.net.book.book import AddressBook
from p2pchain.net.book.entry import Entry
from p2pchain.net.groups import Group


def choose_outbound(
    book: AddressBook, random: Random, is_wanted: Callable[[Entry], bool], held: Sequence[Group], per_group_max: int
) -> Entry | None:
    """`held` are the groups of the outbound peers that there are, one for each.  Local groups have no limit."""
    full = {group for group in held if not group.is_local and held.count(group) >= per_group_max}
    entry = book.choose(random, is_wanted, avoid=frozenset(held))
    return entry or book.choose(random, is_wanted, avoid=full)
