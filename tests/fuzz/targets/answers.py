"""What comes by HTTP: a client's transactions, and at the client a node's answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from p2pchain.api.byte_strings import ByteStrings
from p2pchain.api.errors import ApiError, error_response
from p2pchain.api.submission import ITEMS_MAX, Item, Unusable, split_json, split_msgpack
from p2pchain.chain.address import encode_address
from p2pchain.chain.types import AccountId
from p2pchain.client.errors import NodeError
from p2pchain.client.genesis_json import decode_genesis, decode_params
from tests.fuzz.bombs import BOMBS
from tests.fuzz.claims import told
from tests.fuzz.mutation.formats import mutate_json, mutate_msgpack
from tests.fuzz.target import Target
from tests.vectors.world import GENESIS, PREFIX, chain


def _transactions() -> list[bytes]:
    return [t.raw for made in chain()[1:4] if made.block is not None for t in made.block.transactions]


# --- at the node


def _check_body(data: bytes) -> str:
    """The first byte chooses the content type.  Items come in order, each its bytes or why it has none; or one error that can be shown."""
    split: Callable[[bytes], list[Item]] = split_json if data[:1] in (b"{", b"j") else split_msgpack
    body = data[1:] if data[:1] in (b"j", b"m") else data
    try:
        items = split(body)
    except ApiError as error:
        return _refused(error)
    assert len(items) <= ITEMS_MAX
    unusable = [told(item.message) for item in items if isinstance(item, Unusable)]
    assert sum(len(item) for item in items if isinstance(item, bytes)) <= len(body), "nothing grows"
    return unusable[0] if unusable else f"{min(len(items), 3)} items"


def _check_stream(data: bytes) -> str:
    """The first byte says where the body is cut in two, which changes nothing; items are bytes of it; or one error that can be shown."""
    cut, body = data[0] if data else 0, data[1:]
    whole, pieces = ByteStrings(), ByteStrings()
    items, refusal = whole.feed(body)
    first, early = pieces.feed(body[:cut])
    second, late = pieces.feed(body[cut:]) if early is None else ([], None)
    assert first + second == items, "however it is cut"
    assert [str(each) for each in (early or late,)] == [str(refusal)]
    assert sum(map(len, items)) <= len(body), "nothing grows"
    refusal = refusal or whole.unfinished()
    return f"{min(len(items), 3)} items" if refusal is None else _refused(refusal)


def _mutate(data: bytes, random: Random, size_max: int) -> bytes:
    return data[:1] + (mutate_json if data[:1] == b"j" else mutate_msgpack)(data[1:], random, size_max - 1)


def _refused(error: ApiError) -> str:
    assert 400 <= error.status < 500, "the client is at fault"
    assert error_response(error).status_code == error.status
    return told(error.message)


def _bodies() -> list[bytes]:
    raw = _transactions()
    array = b"\x93" + b"".join(b"\xc5" + len(item).to_bytes(2, "big") + item for item in raw[:3])
    horrors = [b"[" * 4_000, b"9" * 5_000, b'{"transactions": [' + b'"",' * 50 + b'"0"]}', b'{"transactions": ["\\ud800", NaN, " 00"]}']
    texts = [json.dumps({"transactions": [item.hex() for item in raw[:3]]}).encode(), *horrors]
    return [b"m" + item for item in (raw[0], array, *BOMBS)] + [b"j" + item for item in texts]


def _streams() -> list[bytes]:
    raw = _transactions()[:3]
    heads = (b"\xc4\x00", b"\xc6\xff\xff\xff\xff", b"\xc5\xff\xff", b"\xc4", b"\xc0", b"\x92\xc4\x00\xc4\x00")
    body = b"".join(b"\xc5" + len(item).to_bytes(2, "big") + item for item in raw)
    return [b"\x63" + body, *(b"\x01" + head for head in heads), b"\x02" + body + b"\xc1"]


# --- at the client


def _check_genesis(data: bytes) -> str:
    """Accepted is only what has the chain id that it names."""
    return _ask(data, lambda answer: f"accepted {decode_genesis(answer).chain_id == GENESIS.chain_id}")


def _check_params(data: bytes) -> str:
    return _ask(data, lambda answer: f"accepted {decode_params(answer) == GENESIS.params}")


def _ask(data: bytes, decode: Callable[[Any], str]) -> str:
    """JSON is taken apart before: what is none never comes here."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    try:
        return decode(answer)
    except NodeError as error:
        return told(error)


def _params() -> dict[str, int]:
    return {name: value for name, value, _, _ in GENESIS.params.bounds()}


def _genesis() -> bytes:
    answer = {
        "chain_id": GENESIS.chain_id.hex(),
        "name": GENESIS.name,
        "address_prefix": PREFIX,
        "genesis_ms": GENESIS.genesis_ms,
        "params": _params(),
        "accounts": [
            {"address": encode_address(PREFIX, AccountId(item.account)), "balance": str(item.balance)} for item in GENESIS.accounts
        ],
        "delegates": [
            {
                "address": encode_address(PREFIX, AccountId(item.account)),
                "consensus_key": item.consensus_key.hex(),
                "commission_bps": item.commission_bps,
                "stake": str(item.stake),
            }
            for item in GENESIS.delegates
        ],
    }
    return json.dumps(answer).encode()


HORRORS = (b"null", b"[]", b"1", b'""', b"{}", b'{"slot_ms": 1e999}', b'{"slot_ms": NaN}', b'{"accounts": [1]}')

TARGETS = (
    Target("api-body", "items within their number, or one error that can be shown", _check_body, _bodies, _mutate, 8_192),
    Target("api-stream", "the same items in any cut, or one error that can be shown", _check_stream, _streams, mutate_msgpack, 8_192),
    Target(
        "client-genesis",
        "a genesis with the chain id it names, or NodeError",
        _check_genesis,
        lambda: (_genesis(), *HORRORS),
        mutate_json,
        8_192,
    ),
    Target(
        "client-params", "parameters, or NodeError", _check_params, lambda: (json.dumps(_params()).encode(), *HORRORS), mutate_json, 4_096
    ),
)
