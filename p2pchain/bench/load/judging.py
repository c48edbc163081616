"""Whether a step was what it promised, and whether the network bore it."""

from __future__ import annotations

from p2pchain.bench.load.orders import Outcome, Step

SLOTS_P99 = 3
"""A load is borne when 99 of 100 transfers are final within so many slots of the moment they were due."""


def lateness(outcome: Outcome, slot_ms: int) -> str:
    """Why the client did not keep the load that it was to offer; empty where it did.  A client that is late by less than
    half a slot cannot move a transfer by more than one slot.
    """
    allowed_s = slot_ms / 2_000
    if outcome.lag_p99_s > allowed_s:
        late_s = outcome.lag_p99_s
        return f"the client itself was {late_s:.2f} s late at p99, at most {allowed_s:.2f} s allowed: this machine is too busy for it"
    return ""


def shortfall(step: Step, outcome: Outcome, slot_ms: int) -> str:
    """Why the network did not bear the load; empty where it did."""
    if outcome.refused:
        return "refused " + ", ".join(f"{count} ({code})" for code, count in sorted(outcome.refused.items()))
    if outcome.final < outcome.offered:
        return f"{outcome.final} of {outcome.offered} final {step.patience_s:g} s after the last was submitted"
    if outcome.submit_s > step.seconds + SLOTS_P99 * slot_ms / 1_000:
        return f"submission took {outcome.submit_s:.1f} s instead of {step.seconds:g}: the nodes answered too slowly"
    if outcome.p99_s > SLOTS_P99 * slot_ms / 1_000:
        return f"p99 {outcome.p99_s:.2f} s, {SLOTS_P99} slots are {SLOTS_P99 * slot_ms / 1_000:g} s"
    return ""
