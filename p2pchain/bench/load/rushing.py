"""As many transactions as one connection takes: in requests one after the other, or in one stream."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from urllib.parse import urlsplit

from p2pchain.bench.errors import NotMeasured
from p2pchain.chain.codec import encode
from p2pchain.client import NodeClient

_PIECE = 200
"""Transactions in one chunk of the stream."""
_TIMEOUT_S = 60.0


def rush_in_bulks(url: str, items: Sequence[bytes], batch: int) -> Counter[str]:
    """How many were refused, by code of the error."""
    refused: Counter[str] = Counter()
    with NodeClient(url, timeout_s=_TIMEOUT_S) as client:
        for start in range(0, len(items), batch):
            results = client.submit(items[start : start + batch])
            refused.update(result["error"]["code"] for result in results if result["error"] is not None)
    return refused


def rush_in_stream(url: str, items: Sequence[bytes]) -> Counter[str]:
    """Sent by a thread, while the answers are read: whoever only sends is cut off."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80), _TIMEOUT_S) as connection:
        sender = threading.Thread(target=_send, args=(connection, parts.netloc, items), daemon=True)
        sender.start()
        with connection.makefile("rb") as answer:
            refused = _read(answer, len(items))
        sender.join(_TIMEOUT_S)
    return refused


def _send(connection: socket.socket, host: str, items: Sequence[bytes]) -> None:
    head = (
        f"POST /v1/transactions/stream HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/msgpack\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.sendall(head.encode())
    for start in range(0, len(items), _PIECE):
        piece = b"".join(map(encode, items[start : start + _PIECE]))
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def _read(answer: BinaryIO, wanted: int) -> Counter[str]:
    status = answer.readline().split()
    if status[1:2] != [b"200"]:
        raise NotMeasured(f"the stream was answered with {b' '.join(status).decode()}")
    refused: Counter[str] = Counter()
    count = 0
    for line in _lines(answer):
        found = json.loads(line)
        if "end" in found:
            if found["end"]["code"] != "complete" or count != wanted:
                raise NotMeasured(f"the stream ended after {count} of {wanted}: {found['end']['message']}")
            return refused
        count += 1
        if found["error"] is not None:
            refused[found["error"]["code"]] += 1
    raise NotMeasured(f"the stream broke off after {count} of {wanted}")


def _lines(answer: BinaryIO) -> Iterator[bytes]:
    """The lines of a chunked body; no line of ours crosses two chunks."""
    while answer.readline() not in (b"\r\n", b""):
        pass
    while size := int(answer.readline() or b"0", 16):
        yield from answer.read(size).splitlines()
        answer.readline()
