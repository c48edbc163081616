"""The state of the ledger: tables of rows, `Changes` that a block makes to them, and views that stack changes.

A row is a named tuple, stored as its MessagePack array under `prefix || id`.  The stored rows only ever hold final
state; a block's `Changes` is frozen and lies above them until the block is final, then it is written as one batch.
`Changes` carries the nodes of the state's trie that the block made (`chain.trie`), and views answer for nodes as for rows.
A refused transaction leaves no trace: its writes live in a layer of their own until it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

import msgpack

from p2pchain.chain.codec import encode
from p2pchain.chain.trie.update import update
from p2pchain.chain.types import ZERO_HASH, Hash

Row = TypeVar("Row", bound=tuple[object, ...])


class View(Protocol):
    """Read access to rows as of some block, and to the nodes of their trie."""

    def get(self, key: bytes, /) -> bytes | None: ...

    def node(self, place: bytes, /) -> bytes | None:
        """The node at a place of the trie (`trie.nodes.place_of`)."""
        ...


class Account(NamedTuple):
    """Coins that can be spent, and how many transactions the account has sent."""

    balance: int = 0
    nonce: int = 0
    staker: int = 0
    """1 where the account has a row in STAKES, so that plain transfers need not look for one."""


class Position(NamedTuple):
    """Stake of one account locked to one delegate."""

    delegate: bytes
    amount: int
    mark: bytes
    """The delegate's `reward_per_stake` up to which rewards of this position are settled."""
    slashed: int = 0
    """1 where the delegate was convicted and its penalty is taken out of `amount` already."""


class Unbonding(NamedTuple):
    """Coins on their way back from a stake."""

    amount: int
    """As it was unstaked: what a later conviction takes of it is burned at the release."""
    release_slot: int
    delegate: bytes = b""
    """Whose stake it was; empty where no conviction can reach it any more."""
    began_slot: int = 0


class Stakes(NamedTuple):
    """All stake positions of an account and all that is unbonding."""

    positions: tuple[Position, ...] = ()
    unbonding: tuple[Unbonding, ...] = ()

    @classmethod
    def from_value(cls, value: tuple[object, ...]) -> Stakes:
        positions, unbonding = cast("tuple[Sequence[Sequence[object]], Sequence[Sequence[object]]]", value)
        return cls(tuple(Position(*p) for p in positions), tuple(Unbonding(*u) for u in unbonding))  # type: ignore[arg-type]


class Delegate(NamedTuple):
    """A registered delegate: its signing key, its terms, its stake, its record."""

    consensus_key: bytes
    commission_bps: int
    """Share of block rewards that the delegate keeps before its stakers, in hundredths of a percent."""
    stake: int = 0
    reward_per_stake: bytes = bytes(16)
    """Rewards per unit of stake since ever, times 2**64, as 16 bytes big-endian."""
    reward_pool: int = 0
    """Rewards that belong to stakers and are not yet settled."""
    retired: int = 0
    """Slot in which it retired; 0 where it stands for election."""
    produced: int = 0
    missed: int = 0
    """Heartbeat slots of this delegate that stayed empty, since ever."""
    missed_in_row: int = 0
    """The same since its last block."""
    demoted: int = 0
    """1 after too many of them: it stands behind all others until it says that it is back."""
    convicted_slot: int = 0
    """Slot of the block that convicted it; 0 where it is not."""
    offence_slot: int = 0
    """Slot in which it contradicted itself."""
    slashed_bps: int = 0
    """Share of its stake, in 1/10000, that the conviction took."""


class ActiveDelegate(NamedTuple):
    """A member of the set that produces and votes."""

    account: bytes
    consensus_key: bytes
    stake: int


class Globals(NamedTuple):
    """The few numbers of the whole ledger, and the place of the schedule."""

    round: int
    round_start_slot: int
    seed: bytes
    """Orders this round and those that pass after it without a block."""
    next_seed: bytes
    """Grows with every block; becomes `seed` when the round is closed."""
    active: tuple[ActiveDelegate, ...]
    total_stake: int
    issued: int
    """Coins of the genesis and minted since."""
    burned: int
    turnover: int = 0
    """Height until which the changes of the set so far are paid for (`schedule.limit_turnover`)."""
    set_number: int = 0
    """How often the keys of the active set have changed."""
    set_since: int = 0
    """Height of the block that changed them last."""
    set_before: bytes = ZERO_HASH
    """Id of the set before (`active_set`)."""

    @classmethod
    def from_value(cls, value: tuple[object, ...]) -> Globals:
        rest = cls(*value)  # type: ignore[arg-type]
        return rest._replace(active=tuple(ActiveDelegate(*member) for member in rest.active))


class Commitment(NamedTuple):
    """What a consensus key is bound to reveal with its next block."""

    commitment: bytes
    slot: int
    """Of the block that made it."""


class Table(Generic[Row]):
    """A kind of row: where it lies and how its array becomes a named tuple."""

    __slots__ = ("make", "prefix", "row")

    def __init__(self, prefix: bytes, row: type[Row]) -> None:
        self.prefix = prefix
        self.row = row
        self.make: Callable[[object], Row] = getattr(row, "from_value", None) or getattr(row, "_make")  # noqa: B009

    def key(self, item: bytes) -> bytes:
        return self.prefix + item

    def load(self, view: View, item: bytes = b"") -> Row | None:
        """The row as of a view, or None."""
        data = view.get(self.prefix + item)
        return None if data is None else self.decode(data)

    def decode(self, data: bytes) -> Row:
        return self.make(msgpack.unpackb(data, use_list=False, raw=False))


class Single(NamedTuple):
    """A row of one byte string."""

    data: bytes


ACCOUNTS = Table(b"A", Account)
STAKES = Table(b"S", Stakes)
DELEGATES = Table(b"D", Delegate)
DELEGATE_BY_KEY = Table(b"K", Single)
CANDIDATES = Table(b"C", Single)
"""One row: the account ids of all delegates that are not retired, concatenated, sorted; empty once the last was convicted."""
GLOBALS = Table(b"G", Globals)
COMMITMENTS = Table(b"R", Commitment)
"""By consensus key, for ever: a key is never freed from its word."""

EMPTY_ACCOUNT = Account()


_NO_NODES: Mapping[bytes, bytes] = MappingProxyType({})


class Changes(NamedTuple):
    """What one block does to the state: frozen, self-contained, and enough to write or to throw away."""

    rows: Mapping[bytes, bytes]
    state_root: Hash
    nodes: Mapping[bytes, bytes] = _NO_NODES
    """Of the trie, those that the block made; none where they were not kept and follow from the rows."""

    def get(self, key: bytes, /) -> bytes | None:
        return self.rows.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self.nodes.get(place)


class StackedView:
    """Rows as of a block: its changes and its unfinal ancestors', newest first, above the final state."""

    __slots__ = ("_base", "_layers", "_nodes")

    def __init__(self, layers: Sequence[Changes], base: View) -> None:
        self._layers = [layer.rows for layer in layers]
        self._nodes = [layer.nodes for layer in layers]
        self._base = base

    def get(self, key: bytes, /) -> bytes | None:
        for layer in self._layers:
            data = layer.get(key)
            if data is not None:
                return data
        return self._base.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        for layer in self._nodes:
            node = layer.get(place)
            if node is not None:
                return node
        return self._base.node(place)


class Ledger:
    """A block's working state: reads through a view, keeps writes in two layers (transaction, block)."""

    __slots__ = ("_block", "_read", "_transaction", "_view")

    def __init__(self, view: View) -> None:
        self._view = view
        self._read: dict[bytes, object] = {}
        self._block: dict[bytes, object] = {}
        self._transaction: dict[bytes, object] = {}

    def get(self, table: Table[Row], item: bytes = b"") -> Row | None:
        key = table.prefix + item
        for layer in (self._transaction, self._block, self._read):
            if key in layer:
                return cast("Row | None", layer[key])
        data = self._view.get(key)
        row = None if data is None else table.decode(data)
        self._read[key] = row
        return row

    def put(self, table: Table[Row], item: bytes, row: Row) -> None:
        self._transaction[table.prefix + item] = row

    def account(self, item: bytes) -> Account:
        return self.get(ACCOUNTS, item) or EMPTY_ACCOUNT

    def keep(self) -> None:
        """The transaction succeeded: its writes become the block's."""
        self._block.update(self._transaction)
        self._transaction.clear()

    def drop(self) -> None:
        """The transaction was refused: nothing happened."""
        self._transaction.clear()

    def changes(self, parent_root: Hash) -> Changes:
        """Freeze the block's writes, in key order, with the root over all rows as they are then; `parent_root` is the one before."""
        assert not self._transaction, "a transaction was neither kept nor dropped"
        rows = {key: encode(row) for key, row in sorted(self._block.items())}
        root, nodes = update(self._view.node, rows, parent_root)
        return Changes(rows, root, nodes)


GENESIS_PARENT_ROOT = ZERO_HASH
"""Of no rows."""
