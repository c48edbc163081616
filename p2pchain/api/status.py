"""`GET /v1/status`, `/v1/peers`, `/v1/mempool`, `/v1/genesis`."""

from __future__ import annotations

import trio
from starlette.requests import Request
from starlette.responses import Response

from p2pchain.api.context import Context
from p2pchain.api.errors import JsonResponse
from p2pchain.api.openapi import (
    ADDRESS,
    AMOUNT,
    HASH,
    INTEGER,
    SUBJECT,
    TEXT,
    TRUTH,
    Answer,
    Endpoint,
    Parameter,
    Schema,
    array,
    or_null,
    record,
)
from p2pchain.api.parameters import integer, query_of
from p2pchain.api.transactions import SIGNED
from p2pchain.api.views import Json, book_entry_view, book_view, peer_view, pool_view, refusal_view, status_view

MEMPOOL_LIMIT_MAX = 500
"""Showing one transaction costs up to 80 us."""
BOOK_LIMIT_MAX = 1_000
"""Showing one entry of the address book costs 10 us."""
_ACCOUNTS_AT_ONCE = 100
"""Showing one account costs 35 us; the loop must not stand still for a genesis of 100,000."""


async def get_status(context: Context, request: Request) -> Response:
    query_of(request)
    return JsonResponse(status_view(context.queries.status(context.clock()), context.addresses))


async def get_peers(context: Context, request: Request) -> Response:
    query_of(request)
    peers = [peer_view(peer, tips) for peer, tips in context.queries.peers()]
    refused = [refusal_view(refusal) for refusal in context.queries.refusals()]
    return JsonResponse({"peers": peers, "refused": refused, "book": book_view(context.queries.book(0))})


async def get_book(context: Context, request: Request) -> Response:
    limit = integer(query_of(request, "limit"), "limit", 100, high=BOOK_LIMIT_MAX)
    book = context.queries.book(limit)
    return JsonResponse({**book_view(book), "entries": [book_entry_view(entry) for entry in book.entries]})


async def get_mempool(context: Context, request: Request) -> Response:
    limit = integer(query_of(request, "limit"), "limit", 100, high=MEMPOOL_LIMIT_MAX)
    return JsonResponse(pool_view(context.queries.pool(limit), context.addresses))


async def get_genesis(context: Context, request: Request) -> Response:
    query_of(request)
    genesis, addresses = context.genesis, context.addresses
    accounts: list[Json] = []
    for start in range(0, len(genesis.accounts), _ACCOUNTS_AT_ONCE):
        some = genesis.accounts[start : start + _ACCOUNTS_AT_ONCE]
        accounts += [{"address": addresses(item.account), "balance": str(item.balance)} for item in some]
        await trio.lowlevel.checkpoint()
    delegates = [
        {
            "address": addresses(item.account),
            "consensus_key": item.consensus_key.hex(),
            "commission_bps": item.commission_bps,
            "stake": str(item.stake),
        }
        for item in genesis.delegates
    ]
    view: Json = {
        "chain_id": genesis.chain_id.hex(),
        "name": genesis.name,
        "address_prefix": genesis.address_prefix,
        "genesis_ms": genesis.genesis_ms,
        "params": {name: value for name, value, _, _ in genesis.params.bounds()},
        "accounts": accounts,
        "delegates": delegates,
    }
    return JsonResponse(view)


_SYNC = record(
    **{"from": INTEGER},
    at=INTEGER,
    to=INTEGER,
    proven=INTEGER,
    blocks_per_second=or_null({"type": "number"}),
    seconds_left=or_null(INTEGER),
)
INDEX = record(from_height=INTEGER, height=INTEGER, built=TRUTH, disk_bytes=INTEGER, failure=TEXT)
_STATUS = record(
    chain_id=HASH,
    node_id=HASH,
    version=TEXT,
    head=SUBJECT,
    final=SUBJECT,
    peers=INTEGER,
    syncing=TRUTH,
    mempool=record(transactions=INTEGER, bytes=INTEGER, fee_per_byte_min=AMOUNT),
    name=TEXT,
    slot=INTEGER,
    leader=or_null(ADDRESS),
    delegate=or_null(ADDRESS),
    producing=TRUTH,
    condition=TEXT,
    protocol=INTEGER,
    protocol_supported=INTEGER,
    requirement=or_null(record(version=INTEGER, height=INTEGER)),
    sync=or_null(_SYNC),
    room=or_null(record(free_bytes=INTEGER, low_bytes=INTEGER, end_bytes=INTEGER)),
    clock_offset_ms=or_null(INTEGER),
    blocks_from=INTEGER,
    index=or_null(INDEX),
    lacking=or_null(record(needed=INTEGER, offered=INTEGER)),
)
_PEER = record(
    node_id=HASH,
    address=TEXT,
    outbound=TRUTH,
    agent=TEXT,
    connected_ms=INTEGER,
    bytes_in=INTEGER,
    bytes_out=INTEGER,
    came_from=TEXT,
    head=or_null(SUBJECT),
    final=or_null(SUBJECT),
    blocks_from=or_null(INTEGER),
)
_REFUSED = record(address=TEXT, node_id=TEXT, reason=TEXT, message=TEXT, at_ms=INTEGER, times=INTEGER)
_SIZES: dict[str, Schema] = {"new": INTEGER, "tried": INTEGER, "announced": array(TEXT)}
_ENTRY = record(
    node_id=HASH,
    addresses=array(TEXT),
    told_by=TEXT,
    tried=TRUTH,
    met_ms=INTEGER,
    expires_ms=INTEGER,
    failures=INTEGER,
    anchor=TRUTH,
)
_MEMPOOL = record(
    transactions=INTEGER,
    bytes=INTEGER,
    transactions_max=INTEGER,
    bytes_max=INTEGER,
    fee_per_byte_min=AMOUNT,
    items=array(record(id=HASH, **SIGNED)),
)
_PARAMS: Schema = {"type": "object", "additionalProperties": INTEGER}
_GENESIS = record(
    chain_id=HASH,
    name=TEXT,
    address_prefix=TEXT,
    genesis_ms=INTEGER,
    params=_PARAMS,
    accounts=array(record(address=ADDRESS, balance=AMOUNT)),
    delegates=array(record(address=ADDRESS, consensus_key=HASH, commission_bps=INTEGER, stake=AMOUNT)),
)

ENDPOINTS = (
    Endpoint("GET", "/v1/status", get_status, "What the node is and where it stands", (Answer(200, "The status", _STATUS),), (), (400,)),
    Endpoint(
        "GET",
        "/v1/peers",
        get_peers,
        "Connected peers, and connections that were refused lately",
        (Answer(200, "Peers and refusals", record(peers=array(_PEER), refused=array(_REFUSED), book=record(**_SIZES))),),
        (),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/peers/book",
        get_book,
        "The address book: nodes that this one knows of",
        (Answer(200, "Its sizes, and those of its entries that were met last", record(**_SIZES, entries=array(_ENTRY))),),
        (Parameter("limit", {"type": "integer", "minimum": 0, "maximum": BOOK_LIMIT_MAX, "default": 100}, "Most entries to list"),),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/mempool",
        get_mempool,
        "Transactions that wait for a block",
        (Answer(200, "How full the pool is, and the first of its transactions", _MEMPOOL),),
        (Parameter("limit", {"type": "integer", "minimum": 0, "maximum": MEMPOOL_LIMIT_MAX, "default": 100}, "Most transactions to list"),),
        (400,),
    ),
    Endpoint(
        "GET",
        "/v1/genesis",
        get_genesis,
        "Everything that the chain id is the hash of",
        (Answer(200, "The genesis", _GENESIS),),
        (),
        (400,),
    ),
)
