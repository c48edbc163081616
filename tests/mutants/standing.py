"""Who is banned, for what and for how long."""

from tests.mutants.mutant import Mutant

BANS = ("net/test_bans.py",)
LINKS = ("net/test_banning.py",)

MUTANTS = (
    Mutant(
        "state_is_proof",
        "chain/consequences.py",
        "return Consequence.VIOLATION if found is Consequence.LIE else found",
        "return found",
        "a node with a damaged state bans all who are honest",
        ("chain/test_consequences.py",),
    ),
    Mutant(
        "decryption_is_proof",
        "wire/errors.py",
        "case Reason.PROTOCOL_VIOLATION | Reason.INVALID_DATA:",
        "case Reason.PROTOCOL_VIOLATION | Reason.INVALID_DATA | Reason.NOT_AUTHENTIC:",
        "whoever sits between two nodes makes them ban each other",
        ("chain/test_consequences.py", *LINKS),
    ),
    Mutant(
        "banned_and_let_in",
        "net/network.py",
        "        if ban is not None:\n            raise ConnectionRefused(Reason.BANNED",
        "        if False:\n            raise ConnectionRefused(Reason.BANNED",
        "a banned node is let in",
        LINKS,
    ),
    Mutant(
        "ban_unwritten",
        "net/ban_list.py",
        "            self.put += 1\n            self._changed.set()\n",
        "            self.put += 1\n",
        "a restart lets every liar in",
        LINKS,
    ),
    Mutant(
        "strikes_for_ever",
        "net/bans.py",
        "max(0, old.strikes - max(0, now_ms - old.until_ms) // self.forgotten_ms) + 1",
        "old.strikes + 1",
        "nothing is ever forgotten",
        BANS,
    ),
    Mutant(
        "neighbours_wait_at_once",
        "net/bans.py",
        "return strikes, wait_ms if strikes > self.free else 0",
        "return strikes, wait_ms",
        "one liar shuts out everybody behind its address",
        BANS,
    ),
    Mutant(
        "violations_written_down",
        "net/bans.py",
        "[ban for ban in self._all(now_ms) if ban.kind is not Kind.VIOLATION]",
        "list(self._all(now_ms))",
        "a restart after a repair keeps the grudge",
        BANS,
    ),
    Mutant(
        "others_of_a_liar_stay",
        "net/network.py",
        "        if ban is not None:\n            self.end_banned()\n",
        "",
        "a liar goes on over its second connection",
        LINKS,
    ),
)
