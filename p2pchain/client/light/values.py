"""What a light client tells its caller."""

from __future__ import annotations

from dataclasses import dataclass

from p2pchain.chain.genesis import Genesis
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.votes import Subject

STALE_HEARTBEATS = 3
"""Even an idle network makes a block in every heartbeat slot; two may be missed by bad luck."""
STALE_MS_MIN = 60_000
AHEAD_SLOTS = 2
"""A block is taken half a slot early at most; the rest is room for the clock of this machine."""


@dataclass(frozen=True, slots=True)
class Final:
    """The newest block that was proven final."""

    height: int
    slot: int
    hash: str
    time_ms: int
    """When its slot began."""
    age_s: float
    """By this machine's clock; negative where that is behind."""
    warnings: tuple[str, ...] = ()
    """In words: that it is old, that the clocks do not agree, that what is trusted is too old."""


@dataclass(frozen=True, slots=True)
class ProvenAccount:
    """An account as of a final block."""

    address: str
    exists: bool
    """False where nobody ever sent it anything: the proof shows that there is no row."""
    balance: int
    nonce: int
    final: Final
    node: str
    """Who showed it."""


@dataclass(frozen=True, slots=True)
class ProvenTransaction:
    """A transaction in a final block."""

    id: str
    index: int
    succeeded: bool | None
    """None where being in a block does not tell: a transaction with evidence may have failed and paid its fee."""
    transaction: Transaction
    final: Final
    """The block that it is in."""
    node: str


def final_of(subject: Subject, genesis: Genesis, now_ms: int, warnings: tuple[str, ...] = ()) -> Final:
    age = age_ms(subject, genesis, now_ms)
    return Final(subject.height, subject.slot, subject.block.hex(), now_ms - age, age / 1000, warnings)


def age_ms(subject: Subject, genesis: Genesis, now_ms: int) -> int:
    """How long ago the slot of a block began."""
    return now_ms - (genesis.spec().slot_start_ms(subject.slot) if subject.slot else genesis.genesis_ms)


def freshness(subject: Subject, genesis: Genesis, now_ms: int) -> tuple[str, ...]:
    """What is to be said of the age of the newest final block."""
    params = genesis.params
    age = age_ms(subject, genesis, now_ms)
    stale_ms = max(STALE_MS_MIN, STALE_HEARTBEATS * params.heartbeat_slots * params.slot_ms)
    if age > stale_ms:
        found, usual = _duration(age), _duration(stale_ms)
        what = "the network stands still, or the nodes asked hide what is newer"
        return (f"the newest block that was proven final is {found} old, at most {usual} is usual: {what}",)
    if age < -AHEAD_SLOTS * params.slot_ms:
        return (f"the newest final block is {_duration(-age)} ahead of this machine's clock: set the clock",)
    return ()


def trust_age(gap_ms: int, genesis: Genesis) -> tuple[str, ...]:
    """What is to be said where the chain was followed from a point of long ago (weak subjectivity)."""
    most_ms = genesis.params.unbonding_slots * genesis.params.slot_ms
    if gap_ms <= most_ms:
        return ()
    found, most = _duration(gap_ms), _duration(most_ms)
    why = f"the chain was followed from a point that was {found} old, and stake is free after {most}"
    what = "whoever was a delegate then may have nothing to lose any more: compare the hash with somebody you trust"
    return (f"{why}: {what}",)


def _duration(ms: int) -> str:
    seconds = ms // 1000
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
