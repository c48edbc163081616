"""Sometimes reached: states that a long run must hit, or its silence says nothing."""

from __future__ import annotations

from p2pchain.sim.byzantine import STRATEGIES


def byzantine_marker(strategy: str) -> str:
    return f"byz_{strategy}"


MARKERS: dict[str, str] = {
    "lock_moved": "a delegate's lock went to a block beside the one that it was on",
    "quorum_exact": "a certificate had exactly as many signers as it takes",
    "crash_before_send": "a delegate crashed while the record of a signature that had not left was being written",
    "crash_in_commit": "a node crashed while a batch was being written",
    "held_against_lock": "a delegate did not vote because of its lock (V2)",
    "certified_not_final": "a slot ended with a certified block that is not final",
    "third_rival": "a third block of one leader in one slot arrived",
    "unfinal_bound": "the chain reached the bound of unfinal blocks",
    "voice_lost": "a delegate started without a record of what it had signed",
    "voice_recovered": "a delegate without a record spoke again",
    "set_changed": "the active set changed",
    "set_changed_in_partition": "the active set changed while links were cut",
    "range_asked": "final blocks were asked for by height",
    "branch_asked": "a branch was asked for",
    "pool_full": "a mempool refused a transaction because it was full",
    "contradiction_seen": "an honest node saw two contradicting ballots",
    "liar_disconnected": "an honest node closed its connection to a dishonest one",
    "liar_banned": "an honest node found a lie of a dishonest one that costs a ban",
    "final_in_own_slot": "a block was final within its own slot",
    "block_fell_away": "a stored block fell away",
    **{byzantine_marker(name): f"a delegate acted as `{name}` says" for name in STRATEGIES},
}

MARKERS_BEYOND = {"chain_split": "two honest nodes finalised different blocks, in a world with more liars than a chain can bear"}
"""Not to be reached by any other world, nor demanded of one."""


class Markers:
    """How often each was reached."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(MARKERS, 0)

    def hit(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
