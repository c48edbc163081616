"""Changes that would let an attacker choose whom a node talks to."""

from tests.mutants.mutant import Mutant

BOOK = ("net/test_address_book.py",)
NODES = ("net/test_discovery.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "forged_records",
        "net/exchange.py",
        "if not is_genuine(record, self._chain_id):",
        "if False:",
        "anybody says where an honest node is",
        NODES,
    ),
    Mutant(
        "answers_unasked",
        "net/talk.py",
        "if asked == 0:",
        "if False:",
        "whoever comes in fills the address book",
        BOOK,
    ),
    Mutant(
        "no_turn_for_each_group",
        "net/choosing.py",
        "avoid=frozenset(held))",
        "avoid=())",
        "a crowd in one network has all outbound places",
        BOOK,
    ),
    Mutant(
        "one_source_reaches_everywhere",
        "net/book/table.py",
        'bucket = self._number(NEW_BUCKETS, b"new", source.prefix, bytes([share]))',
        'bucket = self._number(NEW_BUCKETS, b"new", node_key, bytes([share]))',
        "one liar fills the address book",
        BOOK,
    ),
    Mutant(
        "anybody_through_the_allow_list",
        "net/room.py",
        "return self._allowed is None or node_key in self._allowed",
        "return True",
        "strangers join a private network",
        BOOK,
    ),
)
