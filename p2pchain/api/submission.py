"""Submitted bodies: who may hand one in now, how it is read within its limits, and how it is split into transactions.

`application/msgpack`: the bytes of one transaction `[body, signature]`, or an array of byte strings, each of them one
transaction.  `application/json`: `{"transactions": ["hex", ...]}`.  An item that is no byte string is an answer of
its own and harms no neighbour; only a body that cannot be split at all is refused as a whole.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple, TypeAlias

import msgpack
import trio
from starlette.requests import ClientDisconnect, Request

from p2pchain.api.errors import ApiError
from p2pchain.api.settings import ApiSettings
from p2pchain.chain.errors import Code
from p2pchain.chain.types import SIGNATURE_BYTES

ITEMS_MAX = 10_000
_BIN_HEADERS = frozenset((0xC4, 0xC5, 0xC6))
_ARRAY_OF_TWO = b"\x92"
"""How a transaction's own bytes begin."""
_MSGPACK_ERRORS = (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError, OverflowError)
MSGPACK_TYPES = frozenset(("application/msgpack", "application/x-msgpack", "application/vnd.msgpack"))
JSON_TYPE = "application/json"


class Unusable(NamedTuple):
    """An item that is not even a byte string, and why."""

    message: str


Item: TypeAlias = bytes | Unusable


class Admission:
    """Places for bodies in memory, and a bounded queue for them; places for streams, whose pieces take their turns in it."""

    def __init__(self, settings: ApiSettings) -> None:
        self._places = trio.CapacityLimiter(settings.submissions_max)
        self._waiting_max = settings.submissions_waiting_max
        self._streams_max = settings.submission_streams_max
        self._streams = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place; 503 at once where too many wait already."""
        waiting = self._places.statistics().tasks_waiting
        if waiting >= self._waiting_max:
            message = f"{waiting} submissions wait already, at most {self._waiting_max} allowed: try again in a second"
            raise ApiError(503, "busy", message, found=waiting, wanted=self._waiting_max).with_headers({"Retry-After": "1"})
        async with self._places:
            yield

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, however long: whoever streams has one piece that waits, and nothing else in memory."""
        async with self._places:
            yield

    @contextmanager
    def stream(self) -> Iterator[None]:
        """A place among the streams; 503 where all are taken."""
        if self._streams >= self._streams_max:
            message = f"{self._streams} streams of transactions are open, at most {self._streams_max} allowed: submit in requests"
            raise ApiError(503, "busy", message, found=self._streams, wanted=self._streams_max).with_headers({"Retry-After": "10"})
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


def content_type_of(request: Request) -> str:
    """`application/json` or `application/msgpack`; 415 for any other."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found in MSGPACK_TYPES:
        return "application/msgpack"
    if found == JSON_TYPE:
        return JSON_TYPE
    wanted = "application/msgpack or application/json"
    raise ApiError(415, "unsupported_media_type", f"content type is '{found[:100]}', {wanted} wanted", found=found[:100], wanted=wanted)


def refuse_announced_size(request: Request, bytes_max: int) -> None:
    """413 where the client says beforehand that its body is too large."""
    announced = request.headers.get("content-length", "0")
    # the HTTP parser has seen to it that it is a number
    if int(announced) > bytes_max:
        raise _too_large(int(announced), bytes_max)


async def read_body(request: Request, settings: ApiSettings) -> bytes:
    """The whole body, within its limits of size and time."""
    body = bytearray()
    with trio.move_on_after(settings.body_timeout_s) as deadline:
        more = True
        while more:
            piece = await request.receive()
            if piece["type"] == "http.disconnect":
                raise ClientDisconnect
            body += piece.get("body", b"")
            more = piece.get("more_body", False)
            if len(body) > settings.body_bytes_max:
                raise _too_large(len(body), settings.body_bytes_max)
    if deadline.cancelled_caught:
        message = f"{len(body)} bytes of the body came within {settings.body_timeout_s:g} s, all of it wanted"
        raise ApiError(408, "timeout", message, found=len(body))
    return bytes(body)


def split_body(body: bytes, content_type: str) -> list[Item]:
    """The items of a body; `ApiError` where it cannot be split."""
    return split_json(body) if content_type == JSON_TYPE else split_msgpack(body)


def split_json(body: bytes) -> list[Item]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"body is not JSON: {str(error)[:120]}") from None
    items = value.get("transactions") if type(value) is dict and len(value) == 1 else None
    if type(items) is not list:
        raise _malformed('body is not {"transactions": ["hex", ...]}')
    _limit_items(len(items))
    return [_from_hex(item, number) for number, item in enumerate(items)]


def _from_hex(item: object, number: int) -> Item:
    if type(item) is not str:
        return Unusable(f"item {number} is {type(item).__name__}, hex text wanted")
    try:
        raw = bytes.fromhex(item)
    except ValueError:
        return Unusable(f"item {number} is not hex")
    # fromhex passes over blanks
    return raw if 2 * len(raw) == len(item) else Unusable(f"item {number} is not hex without blanks")


def split_msgpack(body: bytes) -> list[Item]:
    items = _byte_strings(body)
    return [body] if _is_one_transaction(items) else items


def _is_one_transaction(items: list[Item]) -> bool:
    """Whether the array is `[body, signature]` and no list of two transactions."""
    if len(items) != 2:
        return False
    first, second = items
    return isinstance(first, bytes) and isinstance(second, bytes) and len(second) == SIGNATURE_BYTES and first[:1] != _ARRAY_OF_TWO


def _byte_strings(body: bytes) -> list[Item]:
    """The byte strings of one flat array.  Anything else in it is skipped without ever being built (nested arrays cost
    thirty times their size).
    """
    unpacker = msgpack.Unpacker(raw=True, max_buffer_size=max(len(body), 1), strict_map_key=False)
    unpacker.feed(body)
    items: list[Item] = []
    try:
        count = unpacker.read_array_header()
        _limit_items(count)
        unpack, tell = unpacker.unpack, unpacker.tell
        for number in range(count):
            if body[tell()] in _BIN_HEADERS:
                items.append(unpack())
            else:
                unpacker.skip()
                items.append(Unusable(f"item {number} is no byte string"))
    except (*_MSGPACK_ERRORS, IndexError) as error:
        reason = str(error).split("\n")[0][:120] or "it ends too early"
        raise _malformed(f"body is not a MessagePack array of byte strings: {reason}") from None
    if tell() != len(body):
        raise _malformed(f"body goes on for {len(body) - tell()} bytes after its array")
    return items


def _limit_items(count: int) -> None:
    if count > ITEMS_MAX:
        message = f"body has {count} transactions, at most {ITEMS_MAX} allowed in a request"
        raise ApiError(413, Code.OVERSIZED, message, found=count, wanted=ITEMS_MAX)


def _malformed(message: str) -> ApiError:
    return ApiError(400, Code.MALFORMED, message)


def _too_large(found: int, bytes_max: int) -> ApiError:
    return ApiError(413, Code.OVERSIZED, f"body has {found} bytes or more, at most {bytes_max} allowed", found=found, wanted=bytes_max)
