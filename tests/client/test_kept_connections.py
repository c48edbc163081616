"""A kept connection that the node closes just when it is used again: a reading is asked once more, a payment is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from p2pchain.client import AsyncNodeClient, NodeClient, NodeUnreachableError

BODY = b'{"transactions": 0, "bytes": 0, "waiting": []}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Forgetful:
    """Answers `answered` requests on each connection; the next one on it is read, and the connection closed."""

    def __init__(self, answered: int) -> None:
        self._answered = answered
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                for number in range(self._answered + 1):
                    request = self._read(connection)
                    if not request:
                        break
                    self.requests.append(request.split(b" ", 1)[0])
                    if number < self._answered:
                        connection.sendall(ANSWER)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        request = b""
        while not request.endswith((b"\r\n\r\n", b"the end")):
            piece = connection.recv(65_536)
            if not piece:
                return b""
            request += piece
        return request

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def node() -> Iterator[Forgetful]:
    node = Forgetful(1)
    yield node
    node.close()


@pytest.fixture
def deaf() -> Iterator[Forgetful]:
    node = Forgetful(0)
    yield node
    node.close()


def test_a_reading_is_asked_again_on_a_fresh_connection(node: Forgetful) -> None:
    with NodeClient(node.url) as client:
        for _ in range(3):
            assert client.mempool()["transactions"] == 0
    assert node.requests == [b"GET"] * 5  # the second and the third twice


async def test_a_reading_of_the_async_client_too(node: Forgetful) -> None:
    async with AsyncNodeClient(node.url) as client:
        for _ in range(3):
            assert (await client.mempool())["transactions"] == 0
    assert node.requests == [b"GET"] * 5


def test_once_more_and_not_for_ever(deaf: Forgetful) -> None:
    with NodeClient(deaf.url) as client, pytest.raises(NodeUnreachableError):
        client.mempool()
    assert deaf.requests == [b"GET"] * 2


def test_what_may_have_had_its_effect_is_not_sent_again(node: Forgetful) -> None:
    with NodeClient(node.url) as client:
        client.mempool()
        with pytest.raises(NodeUnreachableError):
            client.submit([b"the end"])
    assert node.requests == [b"GET", b"POST"]
