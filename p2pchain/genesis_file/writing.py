"""From a genesis to its file, each key explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from textwrap import wrap

import tomli_w

from p2pchain.chain.address import encode_address
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import Params
from p2pchain.chain.recovery import Recovery
from p2pchain.chain.types import AccountId
from p2pchain.genesis_file.recoveries import recovery_table

_WIDTH = 100
_GENESIS = (
    "The genesis of a p2pchain network: what it starts from, the same on all its nodes. The chain id is the hash of what it"
    " says, not of how it is written; one coin more is another network. Check it with: p2pchain config check"
)
_BUNDLE = "A join bundle: the genesis of a p2pchain network, and nodes to begin with. Use it with: p2pchain join THIS_FILE"
_NETWORK = (
    "Nodes of the network that a newcomer dials first, as host:port; DNS names are welcome. After the key of the node, as"
    " NODE_KEY@host:port (its operator sees it with: p2pchain keys show node), nobody else is taken for it."
)
_RECOVERIES = "How the network went on without delegates that were gone for good; see docs/recovery.md."
_CHAIN = (
    "name: 1 to 48 of a-z, 0-9 and -. address_prefix: what its addresses begin with, 1 to 16 of a-z and 0-9, a letter first."
    " time: when slot 1 begins, in RFC 3339 or Unix milliseconds."
)
_PARAMS = "The rules that the network begins with; delegates can change all but slot_ms later. All of them must be here."
_ACCOUNTS = "Who owns which coins, in the smallest unit. An address stands for an Ed25519 public key; see: p2pchain keys show"
_DELEGATES = (
    "Who may sign blocks: an account, the Ed25519 public key that signs in its name (32 bytes in hex), its share of the rewards"
    " in 1/10000, and its own stake, which is on top of its balance."
)


def dumps_genesis(genesis: Genesis) -> str:
    """The file's text; reading it again gives the same chain id."""
    return _text([_comment(_GENESIS), _chain_id(genesis)], _sections(genesis))


def dumps_bundle(genesis: Genesis, seeds: Sequence[str], recoveries: Sequence[Recovery] = ()) -> str:
    """`seeds` are `host:port`, better `NODE_KEY@host:port`."""
    network = _section(_NETWORK, {"network": {"seeds": list(seeds)}})
    tables = [recovery_table(recovery, genesis.address_prefix) for recovery in recoveries]
    recovered = [_section(_RECOVERIES, {"recoveries": tables})] if tables else []
    return _text([_comment(_BUNDLE), _chain_id(genesis)], [network, *_sections(genesis), *recovered])


def _text(head: Sequence[str], sections: Sequence[str]) -> str:
    return "\n".join(head) + "\n\n" + "\n".join(sections)


def _chain_id(genesis: Genesis) -> str:
    return f"# chain id: {genesis.chain_id.hex()}"


def _sections(genesis: Genesis) -> list[str]:
    prefix = genesis.address_prefix
    accounts: list[dict[str, object]] = [{"address": _address(prefix, item.account), "balance": item.balance} for item in genesis.accounts]
    delegates: list[dict[str, object]] = [
        {
            "address": _address(prefix, item.account),
            "consensus_key": item.consensus_key.hex(),
            "commission_bps": item.commission_bps,
            "stake": item.stake,
        }
        for item in genesis.delegates
    ]
    chain = {"name": genesis.name, "address_prefix": prefix, "time": _time_text(genesis.genesis_ms)}
    return [
        _section(_CHAIN, {"chain": chain}),
        _comment(_PARAMS) + "\n[params]\n" + "\n".join(_params(genesis.params)),
        _list_of_tables(_ACCOUNTS, "accounts", accounts),
        _list_of_tables(_DELEGATES, "delegates", delegates),
    ]


def _params(params: Params) -> list[str]:
    texts = []
    for each in fields(params):
        meaning, low, high = (each.metadata[name] for name in ("doc", "low", "high"))
        texts.append(f"{_comment(f'{meaning} {low} to {high}.')}\n{each.name} = {getattr(params, each.name)}\n")
    return texts


def _section(explanation: str, table: dict[str, object]) -> str:
    return f"{_comment(explanation)}\n{tomli_w.dumps(table)}"


def _list_of_tables(explanation: str, name: str, tables: Sequence[dict[str, object]]) -> str:
    """Each under its own `[[name]]`: tomli_w writes a short list into one line, where no section can follow the parameters."""
    return "\n".join([_comment(explanation), *(f"[[{name}]]\n{tomli_w.dumps(table)}" for table in tables)])


def _comment(text: str) -> str:
    return "\n".join(wrap(text, width=_WIDTH, initial_indent="# ", subsequent_indent="# "))


def _address(prefix: str, account: bytes) -> str:
    return encode_address(prefix, AccountId(account))


def _time_text(genesis_ms: int) -> str | int:
    """RFC 3339 for people; the plain number beyond the year 9999, which a calendar date cannot say."""
    try:
        whole = datetime.fromtimestamp(genesis_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return genesis_ms
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{genesis_ms % 1000:03d}Z"
