"""The genesis: what a network starts from, and the chain id that names it.

The chain id is the hash of the canonical encoding below, so two files that say the same in other words are one
network, and two that differ in a single coin are two.
`[name, address_prefix, genesis_ms, params, [[account, balance], ...], [[account, consensus_key, commission_bps, stake], ...]]`,
accounts and delegates in ascending order.  A delegate's genesis stake is its own, on top of its balance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from p2pchain.chain.active_set import store_set
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, digest, is_valid_key
from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.schedule import Schedule, elect
from p2pchain.chain.staking import COMMISSION_WHOLE
from p2pchain.chain.state import (
    ACCOUNTS,
    CANDIDATES,
    DELEGATE_BY_KEY,
    DELEGATES,
    GENESIS_PARENT_ROOT,
    GLOBALS,
    STAKES,
    Account,
    Changes,
    Delegate,
    Globals,
    Ledger,
    Position,
    Single,
    Stakes,
)
from p2pchain.chain.terms import TERMS, Terms
from p2pchain.chain.types import AMOUNT_MAX, KEY_BYTES, BlockId, ChainId

PREFIX_PATTERN = re.compile(r"[a-z][a-z0-9]{0,15}")
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


class GenesisAccount(NamedTuple):
    account: bytes
    balance: int


class GenesisDelegate(NamedTuple):
    account: bytes
    consensus_key: bytes
    commission_bps: int
    stake: int


@dataclass(frozen=True, slots=True)
class Genesis:
    """A checked genesis; building one that breaks a rule raises `Invalid` (`bad_genesis`)."""

    name: str
    address_prefix: str
    genesis_ms: int
    params: Params
    accounts: tuple[GenesisAccount, ...]
    delegates: tuple[GenesisDelegate, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "accounts", tuple(sorted(self.accounts)))
        object.__setattr__(self, "delegates", tuple(sorted(self.delegates)))
        _require(bool(NAME_PATTERN.fullmatch(self.name)), "name", f"{shown(self.name)}, 1 to 48 of a-z, 0-9 and - wanted")
        _require(
            bool(PREFIX_PATTERN.fullmatch(self.address_prefix)),
            "address_prefix",
            f"{shown(self.address_prefix)}, 1 to 16 of a-z and 0-9 wanted, a letter first",
        )
        _require(0 < self.genesis_ms < 2**53, "time", f"{shown(self.genesis_ms)}, a Unix time in milliseconds wanted")
        self._validate_accounts()
        self._validate_delegates()

    def _validate_accounts(self) -> None:
        ids = [item.account for item in self.accounts]
        _require(len(set(ids)) == len(ids), "accounts", "the same address twice, each once wanted")
        for item in self.accounts:
            _require(len(item.account) == KEY_BYTES, "accounts.address", f"{item.account.hex()}, {KEY_BYTES} bytes wanted")
            _require(0 <= item.balance <= AMOUNT_MAX, "accounts.balance", f"{shown(item.balance)}, 0 to {AMOUNT_MAX} wanted")
        issued = self.issued
        _require(issued <= AMOUNT_MAX, "accounts.balance", f"{shown(issued)} in all, at most {AMOUNT_MAX} wanted")

    def _validate_delegates(self) -> None:
        most = self.params.candidates_max
        _require(1 <= len(self.delegates) <= most, "delegates", f"{len(self.delegates)} delegates, 1 to {most} wanted")
        for name in ("account", "consensus_key"):
            values = [getattr(item, name) for item in self.delegates]
            _require(len(set(values)) == len(values), f"delegates.{name}", "the same value twice, each once wanted")
        for item in self.delegates:
            _require(len(item.account) == KEY_BYTES, "delegates.account", f"{item.account.hex()}, {KEY_BYTES} bytes wanted")
            _require(
                is_valid_key(item.consensus_key), "delegates.consensus_key", f"{item.consensus_key.hex()}, an Ed25519 public key wanted"
            )
            found = item.commission_bps
            _require(0 <= found <= COMMISSION_WHOLE, "delegates.commission_bps", f"{shown(found)}, 0 to {COMMISSION_WHOLE} wanted")
            least = self.params.stake_min
            _require(item.stake >= least, "delegates.stake", f"{shown(item.stake)}, at least stake_min ({least}) wanted")

    @property
    def issued(self) -> int:
        return sum(item.balance for item in self.accounts) + sum(item.stake for item in self.delegates)

    def encode(self) -> bytes:
        accounts, delegates = tuple(map(tuple, self.accounts)), tuple(map(tuple, self.delegates))
        return encode((self.name, self.address_prefix, self.genesis_ms, self.params.to_value(), accounts, delegates))

    @property
    def chain_id(self) -> ChainId:
        return ChainId(digest(Domain.GENESIS, self.encode()))

    @property
    def block_id(self) -> BlockId:
        """The parent of the block at height 1: the chain id serves as the id of height 0."""
        return BlockId(self.chain_id)

    def spec(self) -> ChainSpec:
        return ChainSpec(self.chain_id, self.name, self.address_prefix, self.genesis_ms, self.params)

    def changes(self) -> Changes:
        """The state at height 0, as changes to nothing."""
        ledger = Ledger(_Nothing())
        balances = {item.account: item.balance for item in self.accounts}
        staking = {item.account for item in self.delegates}
        for account in sorted(balances.keys() | staking):
            ledger.put(ACCOUNTS, account, Account(balances.get(account, 0), 0, 1 if account in staking else 0))
        for item in self.delegates:
            ledger.put(STAKES, item.account, Stakes((Position(item.account, item.stake, bytes(16)),)))
            ledger.put(DELEGATES, item.account, Delegate(item.consensus_key, item.commission_bps, item.stake))
            ledger.put(DELEGATE_BY_KEY, item.consensus_key, Single(item.account))
        ledger.put(CANDIDATES, b"", Single(b"".join(item.account for item in self.delegates)))
        stake = sum(item.stake for item in self.delegates)
        active = elect(ledger, self.params, ())
        totals = Globals(0, 1, self.chain_id, self.chain_id, active, stake, self.issued, 0)
        ledger.put(GLOBALS, b"", totals)
        store_set(ledger, totals)
        ledger.put(TERMS, b"", Terms(1, self.params).row())
        ledger.keep()
        return ledger.changes(GENESIS_PARENT_ROOT)

    def schedule(self) -> Schedule:
        """The schedule above height 0."""
        return Schedule.load(self.changes())


class _Nothing:
    def get(self, _key: bytes, /) -> bytes | None:
        return None

    def node(self, _place: bytes, /) -> bytes | None:
        return None


def _require(holds: object, key: str, found_and_wanted: str) -> None:
    if not holds:
        raise Invalid(Code.BAD_GENESIS, f"{key} is {found_and_wanted}", key=key)
