"""Making a testnet: keys, genesis and homes, all on loopback."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.chain.types import AccountId
from p2pchain.cli.failures import Failure
from p2pchain.cli.home_making import ACCOUNT_KEY, DELEGATE_KEY, begin_signing, key_in, make_home, new_home_config, write_new
from p2pchain.cli.testnet.ports import HOST
from p2pchain.cli.testnet.record import AccountRecord, NodeRecord, Role, Testnet, TestnetFolder
from p2pchain.config import Home
from p2pchain.genesis_file import Bundle, dumps_genesis
from p2pchain.keystore import Keystore

PREFIX = "p2p"
BALANCE = 10**15
STAKE = 10**12
ACCOUNTS = "keys"


class Size(NamedTuple):
    delegates: int
    accounts: int
    slot_ms: int


class Endpoints(NamedTuple):
    p2p: int
    api: int


def make_testnet(folder: TestnetFolder, size: Size, ports: Sequence[int], funded: Sequence[AccountId] = ()) -> Testnet:
    """Everything but the processes; `ports` are two for each delegate.  A failure leaves nothing behind.

    `funded` are accounts whose keys somebody else has.
    """
    _refuse_foreign(folder.path)
    try:
        return _make(folder, size, [Endpoints(*ports[2 * i : 2 * i + 2]) for i in range(size.delegates)], funded)
    except BaseException:
        for path in folder.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def make_node(path: Path, bundle: Bundle, endpoints: Endpoints, role: Role, settings: Mapping[str, object]) -> NodeRecord:
    """The home of a node that listens on loopback and is called as its folder."""
    name = path.name
    p2p, api = f"{HOST}:{endpoints.p2p}", f"{HOST}:{endpoints.api}"
    named = {"node.name": name, "node.role": role, "p2p.listen": p2p, "api.listen": api}
    config = new_home_config(path, named | dict(settings))
    make_home(config, bundle.genesis, bundle.recoveries)
    return NodeRecord(name, str(config.home.path), f"http://{api}", p2p, None, role)


def _refuse_foreign(path: Path) -> None:
    others = sorted(item.name for item in path.iterdir() if item.name != ".lock")
    if others:
        raise Failure(f"{path} is not empty ({others[0]}) and holds no testnet.json; choose another folder with --dir DIR")


def _make(folder: TestnetFolder, size: Size, endpoints: Sequence[Endpoints], others: Sequence[AccountId]) -> Testnet:
    names = [f"node-{i + 1}" for i in range(size.delegates)]
    homes = [Home(folder.path / name) for name in names]
    delegates = [_make_delegate(home) for home in homes]
    accounts = _make_accounts(folder.path / ACCOUNTS, size.accounts)
    genesis = _genesis(size, delegates, [*(decode_address(PREFIX, account.address) for account in accounts), *others])
    for home, delegate in zip(homes, delegates, strict=True):
        home.create()
        begin_signing(home, delegate.consensus_key, genesis.chain_id)
    nodes = [
        make_node(folder.path / name, Bundle(genesis, ()), ends, "delegate", {"p2p.persistent_peers": _neighbours(ends, endpoints)})
        for name, ends in zip(names, endpoints, strict=True)
    ]
    genesis_file = folder.path / "genesis.toml"
    write_new(genesis_file, dumps_genesis(genesis))
    return Testnet(genesis.chain_id.hex(), str(genesis_file), tuple(nodes), tuple(accounts))


def _neighbours(own: Endpoints, endpoints: Sequence[Endpoints]) -> tuple[str, ...]:
    return tuple(f"{HOST}:{each.p2p}" for each in endpoints if each != own)


def _make_delegate(home: Home) -> GenesisDelegate:
    account = key_in(home, ACCOUNT_KEY, lambda: None).public_key
    consensus_key = key_in(home, DELEGATE_KEY, lambda: None).public_key
    return GenesisDelegate(account, consensus_key, 0, STAKE)


def _make_accounts(path: Path, count: int) -> list[AccountRecord]:
    keystore = Keystore(path)
    entries = [keystore.create(f"account-{i + 1}", None) for i in range(count)]
    return [AccountRecord(entry.name, encode_address(PREFIX, AccountId(entry.public_key)), str(entry.path)) for entry in entries]


def _genesis(size: Size, delegates: Sequence[GenesisDelegate], accounts: Sequence[AccountId]) -> Genesis:
    funded = [*accounts, *(delegate.account for delegate in delegates)]
    return Genesis(
        name="testnet",
        address_prefix=PREFIX,
        genesis_ms=time.time_ns() // 1_000_000,
        params=Params(slot_ms=size.slot_ms, delegates=size.delegates),
        accounts=tuple(GenesisAccount(account, BALANCE) for account in funded),
        delegates=tuple(delegates),
    )
