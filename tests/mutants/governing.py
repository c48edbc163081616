"""Elections, evidence, changes of the terms, recovery: what a network decides about itself."""

from tests.mutants.mutant import Mutant

EVIDENCE = ("chain/test_evidence.py", "chain/test_supply.py")
TERMS = ("chain/test_changing.py", "node/test_changing_terms.py")
ELECTIONS = ("chain/test_schedule.py", "chain/test_reveal.py", "node/test_misses.py")
RECOVERY = ("node/test_recovery.py",)

MUTANTS = (
    Mutant(
        "any_reveal",
        "chain/reveal.py",
        "if due is not None and commitment_to(reveal) != due.commitment:",
        "if False:",
        "the last leader of a round chooses its order",
        ELECTIONS,
    ),
    Mutant(
        "misses_of_an_outage",
        "chain/transition.py",
        "        if len(misses) > may_fail:\n            return\n",
        "",
        "a cut into halves demotes everybody",
        ("node/test_misses.py", "chain/test_schedule.py"),
    ),
    Mutant(
        "the_demoted_keep_their_rank",
        "chain/schedule.py",
        "key=lambda item: (item[0], -item[1].stake, item[1].account)",
        "key=lambda item: (-item[1].stake, item[1].account)",
        "who is gone keeps its seat for ever",
        ELECTIONS,
    ),
    Mutant(
        "turnover_without_bound",
        "chain/schedule.py",
        "if turnover <= height + TURNOVER_BLOCKS_MAX else totals",
        "",
        "a certificate needs more voters than it holds",
        ELECTIONS,
    ),
    Mutant(
        "a_vote_and_a_confirm_convict",
        "chain/evidence.py",
        "    if one.offence != other.offence:\n",
        "    if one.offence._replace(kind=other.offence.kind) != other.offence:\n",
        "every honest delegate can be convicted",
        EVIDENCE,
    ),
    Mutant(
        "two_slots_convict",
        "chain/evidence.py",
        "    if one.offence != other.offence:\n",
        "    if one.offence._replace(slot=other.offence.slot) != other.offence:\n",
        "every honest delegate can be convicted",
        EVIDENCE,
    ),
    Mutant(
        "one_message_twice_convicts",
        "chain/evidence.py",
        "    if one.body == other.body:\n",
        "    if False:\n",
        "two valid signatures over the same message convict",
        EVIDENCE,
    ),
    Mutant(
        "flight_from_a_penalty",
        "chain/penalty.py",
        "entry.began_slot >= delegate.offence_slot and entry.release_slot > delegate.convicted_slot",
        "False",
        "whoever unstakes in time pays nothing",
        EVIDENCE,
    ),
    Mutant(
        "charged_for_nothing",
        "chain/penalty.py",
        "if position.slashed or not delegate.convicted_slot:",
        "if not delegate.convicted_slot:",
        "a stake is cut again each time that it is touched",
        EVIDENCE,
    ),
    Mutant(
        "votes_of_the_unseated",
        "chain/changing.py",
        "tuple(v for v in voters if v in seated)",
        "tuple(voters)",
        "delegates that nobody elected change the rules",
        TERMS,
    ),
    Mutant(
        "a_vote_too_few",
        "chain/changing.py",
        "if len(proposal.voters) >= needed and",
        "if len(proposal.voters) >= needed - 1 and",
        "less than two thirds change the rules",
        TERMS,
    ),
    Mutant(
        "terms_a_block_early",
        "chain/changing.py",
        "_put_into_force(ledger, height + 1)",
        "_put_into_force(ledger, height + 2)",
        "nodes that count as documented refuse the chain",
        TERMS,
    ),
    Mutant(
        "recovery_without_all_who_remain",
        "chain/recovery.py",
        "    if unasked:\n",
        "    if False:\n",
        "a lock that was not asked for is a final block lost",
        RECOVERY,
    ),
    Mutant(
        "recovery_of_a_lost_quorum_unsaid",
        "chain/recovery.py",
        "if loses_finality(totals.active, recovery.removed) and not recovery.accept_loss:",
        "if False:",
        "final blocks are given up and nobody was told",
        RECOVERY,
    ),
    Mutant(
        "the_removed_stand_again",
        "chain/recovery.py",
        "if account not in recovery.removed]",
        "if account]",
        "the next election seats those who are gone",
        RECOVERY,
    ),
)
