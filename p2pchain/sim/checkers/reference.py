"""The final chain once more, executed by nobody's engine: S5, S6, S7, S9, S14 as one independent reader finds them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from p2pchain.chain.block import Block, header_check
from p2pchain.chain.crypto import is_valid_signature
from p2pchain.chain.errors import Refusal
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import ACCOUNTS, DELEGATES, GLOBALS, STAKES
from p2pchain.chain.transition import Draft, Parent, execute
from p2pchain.chain.trie.update import root_of
from p2pchain.chain.types import ChainId, TransactionId
from p2pchain.chain.votes import Subject

COUNT_EVERY = 16
"""Blocks between two countings of all coins, and buildings of the root from all rows."""
SCHEDULES_MAX = 1_024
"""Heights of which the schedule is remembered: nodes lag by less."""


class Reference:
    """Rows and schedule after the last final block that anybody reported."""

    def __init__(self, genesis: Genesis) -> None:
        changes = genesis.changes()
        self.rows = dict(changes.rows)
        self.nodes = dict(changes.nodes)
        self.subject = Subject(0, 0, genesis.block_id)  # type: ignore[arg-type]
        self.schedule = genesis.schedule()
        self._spec = genesis.spec()
        self._state_root = changes.state_root
        self._included: set[TransactionId] = set()
        self._nonces: dict[bytes, int] = {}
        self._schedules: deque[tuple[int, Schedule]] = deque([(0, self.schedule)], SCHEDULES_MAX)
        self.is_stuck = False
        """A block could not be followed: nothing above it can be judged."""

    def get(self, key: bytes, /) -> bytes | None:
        return self.rows.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self.nodes.get(place)

    def extend(self, block: Block) -> Iterator[tuple[str, str]]:
        """Follow the next final block: (invariant, what is wrong)."""
        header = block.header
        if header.parent != self.subject.block or header.height != self.subject.height + 1 or header.slot <= self.subject.slot:
            yield "S9", f"block {header.height} in slot {header.slot} does not stand on {self.subject}"
            self.is_stuck = True
            return
        leader = self.schedule.turn(header.slot).delegate.consensus_key
        check = header_check(block.header_raw, block.header.producer, block.signature, ChainId(self._spec.chain_id))
        if header.producer != leader or not is_valid_signature(check):
            yield "S9", f"block {header.height} is not signed by the leader of slot {header.slot}"
        yield from self._once_and_in_order(block)
        try:
            parent = Parent(self.subject.height, self.subject.slot, self._state_root, self.schedule, self)
            executed = execute(parent, Draft.of(block), block.transactions, self._spec)
        except Refusal as refusal:
            yield "S9", f"final block {header.height} holds what cannot be executed: {refusal}"
            self.is_stuck = True
            return
        if executed.changes.state_root != header.state_root:
            yield "S5", f"block {header.height} says state {header.state_root.hex()}, executing gives {executed.changes.state_root.hex()}"
        if executed.schedule.set_id != header.set_id:
            yield "S14", f"block {header.height} says set {header.set_id.hex()}, executing gives {executed.schedule.set_id.hex()}"
        self.rows.update(executed.changes.rows)
        self.nodes.update(executed.changes.nodes)
        self.subject = Subject(header.slot, header.height, block.id)
        self._state_root, self.schedule = executed.changes.state_root, executed.schedule
        self._schedules.append((header.height, self.schedule))
        if header.height % COUNT_EVERY == 0:
            yield from self.count_supply()
            yield from self.build_root()

    def build_root(self) -> Iterator[tuple[str, str]]:
        """S5: the root is that of all rows, whichever way it was come by."""
        built = root_of(self.rows.items())
        if built != self._state_root:
            yield "S5", f"all rows at height {self.subject.height} give root {built.hex()}, the blocks gave {self._state_root.hex()}"

    def count_supply(self) -> Iterator[tuple[str, str]]:
        """S6: every coin that was issued is somewhere, and nobody has less than nothing."""
        totals = GLOBALS.load(self)
        assert totals is not None, "the globals row is written by the genesis"
        amounts = list(amounts_in(self.rows))
        held = sum(amounts) + totals.burned
        if held != totals.issued:
            yield "S6", f"{held} coins at height {self.subject.height}, {totals.issued} were issued"
        if min(amounts) < 0:
            yield "S6", f"somebody has {min(amounts)} coins at height {self.subject.height}"

    def differs(self, height: int, schedule: Schedule) -> bool:
        """S14: whether a node's schedule above a final block is another than ours."""
        ours = next((known for at, known in self._schedules if at == height), None)
        return ours is not None and _terms(ours) != _terms(schedule)

    def nonce(self, account: bytes) -> int:
        """Of the final state."""
        row = ACCOUNTS.load(self, account)
        return row.nonce if row else 0

    def _once_and_in_order(self, block: Block) -> Iterator[tuple[str, str]]:
        """S7"""
        for transaction in block.transactions:
            if transaction.id in self._included:
                yield "S7", f"transaction {transaction.id.hex()} is final twice, again in block {block.header.height}"
            wanted = self._nonces.get(transaction.sender, 0)
            if transaction.nonce != wanted:
                yield "S7", f"block {block.header.height} has nonce {transaction.nonce} of {transaction.sender.hex()}, {wanted} wanted"
            self._included.add(transaction.id)
            self._nonces[transaction.sender] = transaction.nonce + 1


def amounts_in(rows: dict[bytes, bytes]) -> Iterator[int]:
    """Every amount of coins that somebody holds."""
    for key, data in rows.items():
        prefix = key[:1]
        if prefix == ACCOUNTS.prefix:
            yield ACCOUNTS.decode(data).balance
        elif prefix == STAKES.prefix:
            yield from (entry.amount for entry in STAKES.decode(data).unbonding)
        elif prefix == DELEGATES.prefix:  # its stake is all positions with it, less what a conviction took from them
            delegate = DELEGATES.decode(data)
            yield delegate.stake
            yield delegate.reward_pool


def _terms(schedule: Schedule) -> tuple[object, ...]:
    return schedule.round, schedule.start_slot, schedule.seed, schedule.active
