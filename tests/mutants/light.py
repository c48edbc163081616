"""What somebody believes who executes nothing."""

from tests.mutants.mutant import Mutant

STEPS = ("node/test_proving.py", "chain/test_active_set.py")
CLIENT = ("client/test_light_client.py",)

MUTANTS = (
    Mutant(
        "later_sets_not_asked",
        "chain/following.py",
        "governing = [point.above, *(each for each in sets if each.since < header.height)]",
        "governing = [point.above]",
        "a block above a change is believed without those who vote there",
        STEPS,
    ),
    Mutant(
        "known_set_not_asked",
        "chain/following.py",
        "governing = [point.above, *(each for each in sets if each.since < header.height)]",
        "governing = [*(each for each in sets if each.since < header.height)] or [point.above]",
        "a set that nobody elected makes blocks final",
        STEPS,
    ),
    Mutant(
        "named_set_ignored",
        "chain/following.py",
        "    if header.set_id != above.id:",
        "    if False:",
        "a change of the set is left out, and its quorum with it",
        STEPS,
    ),
    Mutant(
        "sets_without_chain",
        "chain/following.py",
        "if each.number != before.number + 1 or each.before != before.id:",
        "if False:",
        "sets are believed that do not follow one another",
        STEPS,
    ),
    Mutant(
        "set_that_comes_back",
        "chain/active_set.py",
        "set_number=before.number + 1, set_since=height, set_before=before.id",
        "set_number=before.number + 1, set_since=0, set_before=before.before",
        "a change there and back cannot be seen between two headers",
        STEPS,
    ),
    Mutant(
        "trusted_set_unchecked",
        "chain/following.py",
        "    if above.id != decoded.set_id:",
        "    if False:",
        "a node chooses the delegates of whoever begins at a trusted block",
        STEPS,
    ),
    Mutant(
        "old_answers_taken",
        "client/light/light_client.py",
        "        if is_newest:\n",
        "        if False:\n",
        "a node sells an old balance for the newest",
        CLIENT,
    ),
    Mutant(
        "conflicts_ignored",
        "client/light/conflict.py",
        "        _require_same(rival, offer)\n",
        "",
        "a client on one side of a split goes on as if there were none",
        CLIENT,
    ),
    Mutant(
        "proof_elsewhere",
        "chain/following.py",
        "    if last != known:",
        "    if last.height != known.height:",
        "a header of one's own proves any balance",
        ("cli/test_light.py",),
    ),
)
