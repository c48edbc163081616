"""Chains of real engines whose active set changes, and HTTP nodes over them that show proofs: honestly, or as they are told to lie."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgpack

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.stake import Stake, Unstake
from p2pchain.chain.address import decode_address, encode_address
from p2pchain.chain.block import decode_envelope
from p2pchain.chain.finality_proof import FinalityProof
from p2pchain.chain.merkle import merkle_path
from p2pchain.chain.proof_files import Proof, encode_proof
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.transaction import transaction_id
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.trie.path import nodes_to
from p2pchain.chain.types import AccountId, Hash, TransactionId
from p2pchain.client.answers import Json
from p2pchain.client.light.reading import step_json
from p2pchain.node.proving import show_point, show_steps
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World, make_genesis, signer

SLOT_MS = 500
GENESIS = make_genesis(4, registered=6)


class Chain(NamedTuple):
    """A node's disk, now and some time ago."""

    disk: MemoryStore
    earlier: MemoryStore


def address_of(seed: int) -> str:
    return encode_address(GENESIS.address_prefix, AccountId(signer(seed).public_key))


@cache
def chain(amount: int = 1) -> Chain:
    """2 to 5 vote, then 0, 1, 4 and 5, then 1, 3, 4 and 5; another amount makes another chain of the same genesis."""
    world = World(GENESIS, 6)
    world.start()
    node = world.nodes[0]
    earlier = node.disk
    acts: tuple[tuple[Action, ...], ...] = (), (Stake(delegate(0), 10**10), Stake(delegate(1), 10**10)), (Unstake(delegate(0), 10**10),)
    for number, actions in enumerate(acts):
        if actions:
            node.act(0, *actions)
        for _ in range(10):
            node.submit(node.transfer(1, 2, amount))
            world.run(SLOT_MS)
        if number == 0:
            earlier = copy.copy(node.disk)
            earlier.rows, earlier.nodes, earlier.final = dict(earlier.rows), dict(earlier.nodes), list(earlier.final)
            earlier.heights, earlier.locations = dict(earlier.heights), dict(earlier.locations)
    world.check()
    return Chain(node.disk, earlier)


def delegate(number: int) -> bytes:
    return signer(2000 + number).public_key


def slot_end_s(disk: MemoryStore) -> float:
    """The time right after the newest final block, in seconds."""
    return (GENESIS.spec().slot_start_ms(decode_envelope(disk.final[-1].raw).header.slot) + SLOT_MS) / 1000


def block_at(disk: MemoryStore, height: int) -> bytes:
    return next(block for block, found in disk.heights.items() if found == height)


def finality_of(disk: MemoryStore, height: int) -> FinalityProof:
    """Headers from a final block to the first with confirms."""
    headers: list[bytes] = []
    for found in disk.final_headers(height, 64, 1 << 20):
        headers.append(found.raw)
        if found.certificate:
            return FinalityProof(tuple(headers), found.certificate)
    raise AssertionError(f"nothing at or above height {height} has confirms")


def account_proof(disk: MemoryStore, account: bytes) -> RowProof:
    key = ACCOUNTS.key(account)
    return RowProof(finality_of(disk, len(disk.final)), key, disk.get(key), nodes_to(disk.node, key))


def transaction_proof(disk: MemoryStore, item: TransactionId) -> TransactionProof:
    height, position = disk.locations[item]
    items = decode_envelope(disk.final[height - 1].raw).transactions
    ids = [id_of(each) for each in items]
    return TransactionProof(finality_of(disk, height), items[position], position, len(items), merkle_path(ids, position))


def id_of(raw: bytes) -> TransactionId:
    return transaction_id(msgpack.unpackb(raw)[0])


Lie = Callable[[str, Json], Json]
"""The answer to a path, altered; the path without `/v1/`."""


def honest(_path: str, answer: Json) -> Json:
    return answer


class LightFake:
    """A node over a disk.  `lie` alters its answers, `raw` replaces them."""

    def __init__(self, url: str, disk: MemoryStore, lie: Lie) -> None:
        self.url = url
        self.disk = disk
        self.lie = lie
        self.raw: bytes | None = None
        self.asked: list[str] = []

    def answer(self, target: str) -> tuple[int, bytes]:
        parts = urlsplit(target)
        path, query = parts.path.removeprefix("/v1/"), dict(parse_qsl(parts.query))
        self.asked.append(path)
        if self.raw is not None:
            return 200, self.raw
        found = self._true(path, {name: int(value) for name, value in query.items()})
        if found is None:
            return 404, b'{"error": {"code": "unknown_block", "message": "it is not here"}}'
        return 200, json.dumps(self.lie(path, found)).encode()

    def _true(self, path: str, query: dict[str, int]) -> Json | None:
        disk, final = self.disk, len(self.disk.final)
        if path == "status":
            return {"chain_id": GENESIS.chain_id.hex()}
        if path == "proofs":
            steps = show_steps(disk, query["from"], query.get("to"), query["limit"], final)
            return steps and {"steps": list(map(step_json, steps.steps)), "next": steps.next_height, "final": final}
        kind, _, rest = path.partition("/")
        if kind == "proofs":
            point = show_point(disk, int(rest), final)
            return point and {"header": point.header.hex(), "set": point.active.hex()}
        return self._proof(kind, rest.removesuffix("/proof"))

    def _proof(self, kind: str, name: str) -> Json | None:
        proof: Proof
        if kind == "accounts":
            proof = account_proof(self.disk, decode_address(GENESIS.address_prefix, name))
        elif bytes.fromhex(name) in self.disk.locations:
            proof = transaction_proof(self.disk, TransactionId(Hash(bytes.fromhex(name))))
        else:
            return None
        return {"proof": encode_proof(proof).hex()}


@contextmanager
def light_fake(disk: MemoryStore, lie: Lie = honest) -> Iterator[LightFake]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = found.answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = LightFake(f"http://127.0.0.1:{server.server_port}", disk, lie)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
