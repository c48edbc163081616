"""Changes to a value of lists, numbers, texts and byte strings: one place in it becomes something strange."""

from __future__ import annotations

from random import Random
from typing import Any

import msgpack

from tests.fuzz.mutation.octets import NUMBERS, WIDE, mutate_bytes

TEXTS = ("", "x" * 65, "x" * 5_000, "two\nlines", "\x00", "\x1b[31m", "\u202egnp", "\U0001f600" * 64, "1e999", " 1", "0x10")
SIZES = (0, 1, 31, 32, 33, 63, 64, 65, 96, 128, 512)
LEAF_BYTES_MAX = 4_096
WIDEN_SHARE = 0.1
NOT_OF_THE_FORMAT = (ValueError, TypeError, OverflowError, RecursionError, AttributeError, msgpack.exceptions.UnpackException)


def strange(random: Random) -> Any:  # noqa: C901, PLR0911  (a table)
    """A value that nobody expects."""
    match int(random.random() * 12):
        case 0 | 1:
            return random.choice(NUMBERS)
        case 2:
            return random.choice(WIDE)
        case 3:
            return -random.choice(NUMBERS)
        case 4 | 5:
            return random.randbytes(random.choice(SIZES))
        case 6:
            return random.choice(TEXTS)
        case 7:
            return random.choice((None, True, False))
        case 8:
            return random.choice((0.0, 1.5, float("inf"), float("nan"), 1e308))
        case 9:
            return [0] * random.choice((0, 1, 2, 15, 16, 257))
        case 10:
            return {} if random.random() < 0.5 else {1: 2}
        case _:
            value: Any = []
            for _ in range(random.choice((1, 2, 40, 600))):
                value = [value]
            return value


def mutate_value(value: Any, random: Random) -> Any:  # noqa: PLR0911  (a table)
    """The value with one place changed; lists and dicts are changed in place."""
    chance = random.random()
    if chance < 0.04:
        return strange(random)
    match value:
        case list() if value:
            return _mutate_list(value, random)
        case dict() if value:
            return _mutate_dict(value, random)
        case bool():
            return not value
        case int():
            return _mutate_int(value, random)
        case bytes():
            return _mutate_leaf(value, random)
        case str():
            return _mutate_text(value, random)
        case _:
            return strange(random)


def widen(data: bytes, random: Random) -> bytes:
    """The same value in more bytes than it needs: a number or a length, most likely one of the first, written wider."""
    at = int(random.random() ** 2 * len(data))
    head, first, rest = data[:at], data[at], data[at + 1 :]
    match first:
        case _ if first < 0x80:
            return head + random.choice((b"\xcc", b"\xcd\x00", b"\xd0", b"\xcf" + bytes(7))) + bytes((first,)) + rest
        case _ if 0x90 <= first <= 0x9F:
            return head + b"\xdc\x00" + bytes((first & 15,)) + rest
        case _ if 0xA0 <= first <= 0xBF:
            return head + random.choice((b"\xd9", b"\xc4")) + bytes((first & 31,)) + rest
        case 0xC4 | 0xCC | 0xD9:
            return head + {0xC4: b"\xc5", 0xCC: b"\xcd", 0xD9: b"\xda"}[first] + b"\x00" + rest
        case 0xC5 | 0xCD | 0xDC:
            return head + {0xC5: b"\xc6", 0xCD: b"\xce", 0xDC: b"\xdd"}[first] + bytes(2) + rest
        case _:
            return head + b"\xc3" + rest


def open_msgpack(data: bytes) -> Any:
    return msgpack.unpackb(data, use_list=True, raw=False, unicode_errors="surrogateescape", strict_map_key=False)


def close_msgpack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape")
    return packed


def _mutate_leaf(value: bytes, random: Random) -> bytes:
    """A byte string may be an array in its own encoding, as signed bodies are."""
    if value and 0x91 <= value[0] <= 0x9F and random.random() < 0.9:
        try:
            if random.random() < WIDEN_SHARE:
                return widen(value, random)
            return close_msgpack(mutate_value(open_msgpack(value), random))
        except NOT_OF_THE_FORMAT:
            pass
    return mutate_bytes(value, random, LEAF_BYTES_MAX)


def _mutate_list(items: list[Any], random: Random) -> list[Any]:
    at = int(random.random() * len(items))
    match int(random.random() * 16):
        case 0:
            del items[at]
        case 1:
            items.insert(at, items[at])
        case 2:
            items.insert(at, strange(random))
        case 3:
            other = int(random.random() * len(items))
            items[at], items[other] = items[other], items[at]
        case 4:
            items[at] = strange(random)
        case 5:
            items[at] = items[int(random.random() * len(items))]
        case _:
            items[at] = mutate_value(items[at], random)
    return items


def _mutate_dict(items: dict[Any, Any], random: Random) -> dict[Any, Any]:
    key = random.choice(list(items))
    match int(random.random() * 12):
        case 0:
            del items[key]
        case 1:
            items[mutate_value(key, random) if isinstance(key, str) else key] = items[key]
        case 2:
            items[key] = strange(random)
        case _:
            items[key] = mutate_value(items[key], random)
    return items


def _mutate_int(value: int, random: Random) -> int:
    match int(random.random() * 5):
        case 0:
            return value + 1
        case 1:
            return value - 1
        case 2:
            return value ^ (1 << int(random.random() * 64))
        case 3:
            return random.choice(WIDE)
        case _:
            return random.choice(NUMBERS)


def _mutate_text(value: str, random: Random) -> str:
    if random.random() < 0.2:
        return random.choice(TEXTS)
    changed = mutate_bytes(value.encode("utf-8", "surrogatepass"), random, LEAF_BYTES_MAX)
    return changed.decode("utf-8", "replace")
