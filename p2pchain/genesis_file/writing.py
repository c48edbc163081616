"""From a genesis to its file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import tomli_w

from p2pchain.chain.address import encode_address
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.types import AccountId

_GENESIS = "# The genesis of a p2pchain network: what it starts from. All nodes have the same; one coin more is another network."
_BUNDLE = "# A join bundle: the genesis of a p2pchain network, and nodes to begin with. Use it with: p2pchain join THIS_FILE"


def dumps_genesis(genesis: Genesis) -> str:
    """The file's text; reading it again gives the same chain id."""
    return _text(_GENESIS, genesis, {})


def dumps_bundle(genesis: Genesis, seeds: Sequence[str]) -> str:
    """`seeds` are `host:port`."""
    return _text(_BUNDLE, genesis, {"network": {"seeds": list(seeds)}})


def _text(head: str, genesis: Genesis, first: dict[str, object]) -> str:
    return f"{head}\n# chain id: {genesis.chain_id.hex()}\n\n{tomli_w.dumps(first | _document(genesis))}"


def _document(genesis: Genesis) -> dict[str, object]:
    prefix = genesis.address_prefix
    return {
        "chain": {"name": genesis.name, "address_prefix": prefix, "time": _time_text(genesis.genesis_ms)},
        "params": {name: value for name, value, _, _ in genesis.params.bounds()},
        "accounts": [{"address": encode_address(prefix, AccountId(item.account)), "balance": item.balance} for item in genesis.accounts],
        "delegates": [
            {
                "address": encode_address(prefix, AccountId(item.account)),
                "consensus_key": item.consensus_key.hex(),
                "commission_bps": item.commission_bps,
                "stake": item.stake,
            }
            for item in genesis.delegates
        ],
    }


def _time_text(genesis_ms: int) -> str | int:
    """RFC 3339 for people; the plain number beyond the year 9999, which a calendar date cannot say."""
    try:
        whole = datetime.fromtimestamp(genesis_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return genesis_ms
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{genesis_ms % 1000:03d}Z"
