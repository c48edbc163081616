"""The parameters that a network begins with in its genesis, each with its default, its bounds and its meaning.

Every bound is a promise: a genesis that leaves it is refused by every node, so no rule elsewhere has to ask again.
The parameters in force are part of the state (`chain.terms`): whoever judges a block takes them from its parent's
state, never from the genesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.votes import CERTIFICATE_BYTES_MAX

BLOCK_ENVELOPE_BYTES = CERTIFICATE_BYTES_MAX + 512
"""What a block may hold beside its transactions: the largest certificate, header, signature and lengths."""


def _parameter(default: int, low: int, high: int, doc: str) -> int:
    chosen: int = field(default=default, metadata={"low": low, "high": high, "doc": doc})
    return chosen


@dataclass(frozen=True, slots=True)
class Params:
    """The order of the fields is the order in the canonical genesis encoding."""

    slot_ms: int = _parameter(500, 250, 10_000, "Length of a slot in milliseconds.")
    delegates: int = _parameter(4, 1, 101, "Number of active delegates, one slot each per round; fewer than 4 tolerate no Byzantine one.")
    heartbeat_slots: int = _parameter(
        60, 1, 1_000_000, "With nothing to include, a block is produced only in every slot divisible by this."
    )
    unfinal_blocks_max: int = _parameter(32, 2, 128, "How many blocks the chain grows beyond the last final one while there is no quorum.")
    block_bytes_max: int = _parameter(1 << 20, 1 << 16, 4 << 20, "Largest block in bytes.")
    block_transactions_max: int = _parameter(5_000, 1, 20_000, "Most transactions in a block.")
    transaction_bytes_max: int = _parameter(
        4_096, 1_024, 65_536, "Largest transaction in bytes; one that holds evidence has room in any network."
    )
    transaction_actions_max: int = _parameter(16, 1, 256, "Most actions in a transaction.")
    validity_slots_max: int = _parameter(172_800, 1, 100_000_000, "How far ahead of the current slot a transaction may stay valid.")
    fee_per_byte: int = _parameter(1, 0, 1_000_000_000, "Least fee for each byte of a transaction.")
    fee_per_work: int = _parameter(1, 0, 1_000_000_000, "Least fee for each unit of work of its actions.")
    reward_per_block: int = _parameter(1_000, 0, 10**15, "Newly minted for each block, shared among the producer's stakers.")
    unbonding_slots: int = _parameter(1_209_600, 0, 100_000_000, "How long unstaked coins stay locked.")
    stake_min: int = _parameter(1_000, 1, 10**18, "Smallest stake in one position.")
    candidates_max: int = _parameter(1_000, 1, 10_000, "Most registered delegates, active and standby together.")
    misses_max: int = _parameter(
        5,
        1,
        1_000_000,
        "Heartbeat slots missed in a row after which a delegate gives its seat to a standby, until it says that it is back.",
    )
    slash_bps: int = _parameter(1_000, 0, 10_000, "Share of a delegate's stake, in 1/10000, that two contradicting signatures cost.")
    evidence_reward_bps: int = _parameter(500, 0, 5_000, "Share of such a penalty, in 1/10000, for who submits the evidence.")
    notice_blocks: int = _parameter(20, 1, 1_000_000, "Least number of blocks from a change being agreed until it is in force.")

    def __post_init__(self) -> None:
        wrong = find_wrong([getattr(self, item.name) for item in fields(self)])
        if wrong is not None:
            raise Invalid(Code.BAD_GENESIS, f"parameter {wrong}", key=f"params.{wrong.name}")

    def bounds(self) -> list[tuple[str, int, int, int]]:
        """(name, value, low, high) of every parameter, in encoding order."""
        return [(f.name, getattr(self, f.name), f.metadata["low"], f.metadata["high"]) for f in fields(self)]

    def to_value(self) -> tuple[int, ...]:
        return tuple(value for _, value, _, _ in self.bounds())

    @classmethod
    def ceiling(cls, name: str) -> int:
        """The most that any network may ever set a parameter to: what a decoder allows that does not know the network's."""
        most: int = next(item.metadata["high"] for item in fields(cls) if item.name == name)
        return most


class Wrong(NamedTuple):
    """A parameter that may not have the value that was found."""

    name: str
    found: object
    wanted: str

    def __str__(self) -> str:
        return f"{self.name} is {shown(self.found)}, {self.wanted} wanted"


def parameter_names() -> tuple[str, ...]:
    """In encoding order: the parameter with number 1 comes first."""
    return tuple(item.name for item in fields(Params))


def find_out_of_bounds(number: int, value: object) -> Wrong | None:
    """Whether the parameter with this number (the first is 1) may ever have this value."""
    item = fields(Params)[number - 1]
    low, high = item.metadata["low"], item.metadata["high"]
    return None if type(value) is int and low <= value <= high else Wrong(item.name, value, f"{low} to {high}")


def find_wrong(values: Sequence[int]) -> Wrong | None:
    """The first value, in encoding order, that is out of its bounds or does not go with another; None where all is well."""
    for number, value in enumerate(values, 1):
        if wrong := find_out_of_bounds(number, value):
            return wrong
    value_of = dict(zip(parameter_names(), values, strict=True))
    if value_of["candidates_max"] < value_of["delegates"]:
        return Wrong("candidates_max", value_of["candidates_max"], f"at least delegates ({value_of['delegates']})")
    largest, block = value_of["transaction_bytes_max"], value_of["block_bytes_max"]
    if block < 2 * largest:
        return Wrong("block_bytes_max", block, f"at least twice transaction_bytes_max ({2 * largest})")
    if block < largest + BLOCK_ENVELOPE_BYTES:
        return Wrong("block_bytes_max", block, f"at least {largest + BLOCK_ENVELOPE_BYTES} (room for one transaction and a certificate)")
    return None


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """What every rule needs to know of the network it runs on."""

    chain_id: bytes
    name: str
    address_prefix: str
    genesis_ms: int
    genesis_params: Params
    """As of height 0.  Those in force above a block are in its schedule's `terms`."""

    @property
    def chain_tag(self) -> bytes:
        """The first 8 bytes of the chain id, carried in every transaction so that a wrong network is told apart from a bad signature."""
        return self.chain_id[:CHAIN_TAG_BYTES]

    @property
    def slot_ms(self) -> int:
        """Length of a slot in milliseconds: the one parameter that never changes, because slots are counted from the genesis."""
        return self.genesis_params.slot_ms

    def slot_start_ms(self, slot: int) -> int:
        """Unix milliseconds at which a slot begins; slot 1 begins at the genesis time."""
        return self.genesis_ms + (slot - 1) * self.genesis_params.slot_ms

    def slot_at(self, now_ms: int) -> int:
        """The slot that `now_ms` lies in; 0 before the genesis time."""
        return max(0, (now_ms - self.genesis_ms) // self.genesis_params.slot_ms + 1)


CHAIN_TAG_BYTES = 8
