"""The genesis as the API serves it, rebuilt and held against its chain id.

`{"chain_id", "name", "address_prefix", "genesis_ms", "params": {...}, "accounts": [{"address", "balance"}],
"delegates": [{"address", "consensus_key", "commission_bps", "stake"}]}`; amounts are decimal text.
"""

from __future__ import annotations

from p2pchain.chain.address import decode_address
from p2pchain.chain.errors import Refusal, brief, shown
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.client.answers import Json
from p2pchain.client.errors import NodeError

_MISFITS = KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError
"""What taking a foreign JSON value apart raises, where it is not what it should be."""


def decode_genesis(answer: Json) -> Genesis:
    """The checked genesis; `NodeError` (`bad_genesis`) where the answer is none or does not have the chain id that it names."""
    try:
        genesis = _build(answer)
    except (*_MISFITS, Refusal) as error:
        raise NodeError("bad_genesis", f"the node's genesis cannot be used ({brief(error)})") from error
    if genesis.chain_id.hex() != answer.get("chain_id"):
        found = shown(answer.get("chain_id"))
        raise NodeError("bad_genesis", f"the node names the chain {found}, its genesis is {genesis.chain_id.hex()}")
    return genesis


def decode_params(answer: Json) -> Params:
    """The parameters in force; `NodeError` (`bad_params`) where the answer has others than this program knows."""
    try:
        return _build_params(answer)
    except (*_MISFITS, Refusal) as error:
        raise NodeError("bad_params", f"the node's parameters cannot be used ({brief(error)})") from error


def _build_params(answer: Json) -> Params:
    return Params(**{name: int(value) for name, value in answer.items()})


def _build(answer: Json) -> Genesis:
    prefix = answer["address_prefix"]
    accounts = [GenesisAccount(decode_address(prefix, item["address"]), int(item["balance"])) for item in answer["accounts"]]
    delegates = [
        GenesisDelegate(
            decode_address(prefix, item["address"]),
            bytes.fromhex(item["consensus_key"]),
            int(item["commission_bps"]),
            int(item["stake"]),
        )
        for item in answer["delegates"]
    ]
    params = _build_params(answer["params"])
    return Genesis(answer["name"], prefix, int(answer["genesis_ms"]), params, tuple(accounts), tuple(delegates))
