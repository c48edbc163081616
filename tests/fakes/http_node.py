import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from p2pchain.chain.address import encode_address
from p2pchain.chain.types import AccountId
from p2pchain.client.answers import Json
from tests.fakes.world import make_genesis

_LOOK_S = 0.01
"""How often the server looks whether it shall end."""


class FakeNode:
    """Answers as told, in order for each path; the last answer stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[tuple[str, bytes]] = []
        """Content type and body of each POST."""
        self.queries: list[tuple[str, str]] = []
        """Path and query of each request."""
        self._answers: dict[str, list[tuple[int, bytes]]] = {}

    def answers(self, path: str, *answers: Any, status: int = 200) -> None:
        self._answers.setdefault(path, []).extend((status, json.dumps(answer).encode()) for answer in answers)

    def replace(self, path: str, answer: Any) -> None:
        """Forget what was to be answered there before."""
        self._answers[path] = []
        self.answers(path, answer)

    def answers_raw(self, path: str, content: bytes, status: int = 200) -> None:
        self._answers.setdefault(path, []).append((status, content))

    def next(self, path: str) -> tuple[int, bytes]:
        answers = self._answers.get(path, [(404, b'{"error": {"code": "unknown_path", "message": "no such path"}}')])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def fake_node() -> Iterator[FakeNode]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            found.bodies.append((self.headers["content-type"], self.rfile.read(length)))
            self._answer()

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            found.queries.append((path, query))
            status, content = found.next(path)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = FakeNode(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(_LOOK_S,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def terms_answer(**params: int) -> Json:
    """The terms in force, with some parameters other than in the genesis."""
    return {"version": 1, "params": genesis_answer()["params"] | params, "height": 40, "scheduled": [], "proposals": [], "votes_needed": 3}


def genesis_answer() -> Json:
    genesis = make_genesis()

    def address(account: bytes) -> str:
        return encode_address(genesis.address_prefix, AccountId(account))

    return {
        "chain_id": genesis.chain_id.hex(),
        "name": genesis.name,
        "address_prefix": genesis.address_prefix,
        "genesis_ms": genesis.genesis_ms,
        "params": {name: value for name, value, _, _ in genesis.params.bounds()},
        "accounts": [{"address": address(item.account), "balance": str(item.balance)} for item in genesis.accounts],
        "delegates": [
            {
                "address": address(item.account),
                "consensus_key": item.consensus_key.hex(),
                "commission_bps": item.commission_bps,
                "stake": str(item.stake),
            }
            for item in genesis.delegates
        ],
    }
