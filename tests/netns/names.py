"""The smallest DNS server that a resolver believes: A records of a table, which standard input changes.

python -m tests.netns.names ADDRESS          "NAME ADDRESS..." a line sets a name, "NAME" alone removes it; each is echoed
"""

import struct
import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

import trio

PORT = 53
A, IN = 1, 1
NO_SUCH_NAME = 3
TTL_S = 0
_RESPONSE = 0x8400
"""An answer, by who has the say."""
_RECURSION_WANTED = 0x0100
_HEADER = struct.Struct("!6H")


def answer(query: bytes, records: Mapping[str, Sequence[str]]) -> bytes:
    """To one question; ValueError where it is none."""
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if questions != 1 or flags & 0x8000:
        raise ValueError(f"found {questions} questions with flags {flags:#x}, wanted one")
    name, end = _read_name(query, _HEADER.size)
    kind, _ = struct.unpack_from("!2H", query, end)
    addresses = records.get(name)
    found = addresses if addresses is not None and kind == A else ()
    code = NO_SUCH_NAME if addresses is None else 0
    head = _HEADER.pack(number, _RESPONSE | (flags & _RECURSION_WANTED) | code, 1, len(found), 0, 0)
    body = b"".join(struct.pack("!3HIH", 0xC00C, A, IN, TTL_S, 4) + IPv4Address(address).packed for address in found)
    return head + query[_HEADER.size : end + 4] + body


def _read_name(query: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    while (size := query[at]) != 0:
        if size > 63:
            raise ValueError(f"found a label of {size} bytes, wanted at most 63")
        labels.append(query[at + 1 : at + 1 + size].decode("ascii").lower())
        at += 1 + size
    return ".".join(labels), at + 1


async def serve(address: str) -> None:
    records: dict[str, list[str]] = {}
    socket = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
    await socket.bind((address, PORT))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_take_orders, records, nursery.cancel_scope)
        while True:
            query, asker = await socket.recvfrom(512)
            try:
                reply = answer(query, records)
            except (ValueError, struct.error, IndexError):
                continue  # whoever sent it is no resolver
            await socket.sendto(reply, asker)


async def _take_orders(records: dict[str, list[str]], over: trio.CancelScope) -> None:
    async for line in trio.wrap_file(sys.stdin):
        name, *addresses = line.split()
        if addresses:
            records[name] = addresses
        else:
            records.pop(name, None)
        sys.stdout.write(line)
        sys.stdout.flush()
    over.cancel()


if __name__ == "__main__":
    trio.run(serve, sys.argv[1])
