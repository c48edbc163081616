"""From a file to a checked genesis, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from p2pchain.chain.errors import Refusal
from p2pchain.chain.genesis import NAME_PATTERN, Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.recovery import Recovery
from p2pchain.chain.staking import COMMISSION_WHOLE
from p2pchain.chain.types import AMOUNT_MAX
from p2pchain.config.kinds import PeerAddresses, Text, Whole
from p2pchain.config.problems import Problem
from p2pchain.config.toml import TomlError, loads_toml
from p2pchain.genesis_file.kinds import PREFIX, Address, HexKey, Moment
from p2pchain.genesis_file.recoveries import KEYS as RECOVERY_KEYS
from p2pchain.genesis_file.recoveries import read_recovery
from p2pchain.genesis_file.tables import Table

_NAME = Text(NAME_PATTERN.pattern, "1 to 48 of a-z, 0-9 and -")
_ACCOUNT_KEYS = ("address", "balance")
_DELEGATE_KEYS = ("address", "consensus_key", "commission_bps", "stake")
_BYTES_MAX = 64 << 20
"""A genesis of 300,000 accounts; a file from elsewhere must not fill the memory."""


class GenesisFileError(Exception):
    """The genesis cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the genesis cannot be used:\n{lines}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a newcomer needs: the genesis, `host:port` of nodes to begin with, and the recoveries that there were."""

    genesis: Genesis
    seeds: tuple[str, ...]
    recoveries: tuple[Recovery, ...] = ()


def load_genesis(path: Path) -> Genesis:
    """Raises `GenesisFileError`, also where there is no such file."""
    return load_bundle(path).genesis


def load_bundle(path: Path) -> Bundle:
    """A genesis file is a bundle without seeds.  Raises `GenesisFileError`."""
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
        text = content.decode()
    except OSError as error:
        raise _file_error(path, f"that it cannot be read ({error.strerror})", "a genesis file") from None
    except UnicodeDecodeError as error:
        raise _file_error(path, f"no UTF-8 at byte {error.start}", "a text in UTF-8") from None
    if len(content) > _BYTES_MAX:
        raise _file_error(path, f"more than {_BYTES_MAX} bytes", "a genesis file")
    return loads_bundle(text, str(path))


def loads_genesis(text: str, source: str) -> Genesis:
    """`source` names the text in errors.  Raises `GenesisFileError`."""
    return loads_bundle(text, source).genesis


def loads_bundle(text: str, source: str) -> Bundle:
    """`source` names the text in errors.  Raises `GenesisFileError`."""
    problems: list[Problem] = []
    try:
        root = Table(source, "", loads_toml(text), ("chain", "params", "accounts", "delegates", "network", "recoveries"), problems)
    except TomlError as error:
        raise GenesisFileError([Problem(source, "", f"a syntax error ({error})", "TOML")]) from None
    genesis = _read_genesis(root, problems)
    network = root.table("network", ["seeds"]) if root.has("network") else None
    seeds = network.value("seeds", PeerAddresses()) if network else ()
    read = [read_recovery(table, problems) for table in root.tables("recoveries", RECOVERY_KEYS)]
    if genesis is None or seeds is None or problems:
        raise GenesisFileError(problems)
    recoveries = tuple(found.recovery for found in read if found is not None)
    for recovery in recoveries:
        if recovery.chain_id != genesis.chain_id:
            root.add_problem("recoveries", f"a recovery of chain {recovery.chain_id.hex()}", f"one of {genesis.chain_id.hex()}")
            raise GenesisFileError(problems)
    return Bundle(genesis, seeds, recoveries)


def _file_error(path: Path, found: str, wanted: str) -> GenesisFileError:
    return GenesisFileError([Problem(str(path), "", found, wanted)])


def _read_genesis(root: Table, problems: list[Problem]) -> Genesis | None:
    chain, params = root.table("chain", ["name", "address_prefix", "time"]), _read_params(root)
    if chain is None:
        return None
    name, prefix, time_ms = chain.value("name", _NAME), chain.value("address_prefix", PREFIX), chain.value("time", Moment())
    # Without its prefix no address can be judged; that would only repeat the one mistake for each of them.
    accounts = [_read_account(table, Address(prefix)) for table in root.tables("accounts", _ACCOUNT_KEYS)] if prefix else []
    delegates = [_read_delegate(table, Address(prefix)) for table in root.tables("delegates", _DELEGATE_KEYS)] if prefix else []
    if problems or not name or not prefix or time_ms is None or params is None:
        return None
    try:
        return Genesis(name, prefix, time_ms, params, tuple(filter(None, accounts)), tuple(filter(None, delegates)))
    except Refusal as error:
        root.add_problem(str(error.evidence.get("key", "")), error.message, "a genesis that every node accepts")
        return None


def _read_params(root: Table) -> Params | None:
    table = root.table("params", [each.name for each in fields(Params)])
    if table is None:
        return None
    values = {each.name: table.value(each.name, Whole(each.metadata["low"], each.metadata["high"])) for each in fields(Params)}
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) < len(values):
        return None
    try:
        return Params(**given)
    except Refusal as error:
        table.add_problem("", error.message, "parameters that fit together")
        return None


def _read_account(table: Table, kind: Address) -> GenesisAccount | None:
    address, balance = table.value("address", kind), table.value("balance", Whole(0, AMOUNT_MAX))
    return None if address is None or balance is None else GenesisAccount(address, balance)


def _read_delegate(table: Table, kind: Address) -> GenesisDelegate | None:
    address, key = table.value("address", kind), table.value("consensus_key", HexKey())
    commission = table.value("commission_bps", Whole(0, COMMISSION_WHOLE))
    stake = table.value("stake", Whole(1, AMOUNT_MAX))
    if address is None or key is None or commission is None or stake is None:
        return None
    return GenesisDelegate(address, key, commission, stake)
