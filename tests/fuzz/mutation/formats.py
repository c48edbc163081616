"""Changes to bytes by way of the value that they encode, so that what comes out is still of the format: it gets deep.

Each falls back on changes of bytes, always where the bytes are not of the format, and now and then where they are.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from random import Random
from typing import Any

import msgpack
import tomli_w

from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.mutation.values import mutate_value

PLAIN_SHARE = 0.15
_NOT_OF_THE_FORMAT = (ValueError, TypeError, OverflowError, RecursionError, AttributeError, msgpack.exceptions.UnpackException)


def mutate_msgpack(data: bytes, random: Random, size_max: int) -> bytes:
    """Also within byte strings that are MessagePack arrays themselves, as signed bodies are."""
    return _by_value(data, random, size_max, _open_msgpack, _close_msgpack)


def mutate_json(data: bytes, random: Random, size_max: int) -> bytes:
    return _by_value(data, random, size_max, json.loads, lambda value: json.dumps(value, indent=1).encode("utf-8", "surrogatepass"))


def mutate_toml(data: bytes, random: Random, size_max: int) -> bytes:
    return _by_value(
        data, random, size_max, lambda raw: tomllib.loads(raw.decode()), lambda value: tomli_w.dumps(value).encode("utf-8", "surrogatepass")
    )


def repaired(mutate: Callable[[bytes, Random, int], bytes], repair: Callable[[bytes], bytes]) -> Callable[[bytes, Random, int], bytes]:
    """Mostly sets right again what a sender would: a checksum, a length, a hash of what follows."""

    def mutated(data: bytes, random: Random, size_max: int) -> bytes:
        changed = mutate(data, random, size_max)
        return repair(changed) if random.random() < 0.7 else changed

    return mutated


def _by_value(data: bytes, random: Random, size_max: int, load: Callable[[bytes], Any], dump: Callable[[Any], bytes]) -> bytes:
    if random.random() >= PLAIN_SHARE:
        try:
            changed = dump(mutate_value(load(data), random))
        except _NOT_OF_THE_FORMAT:
            return mutate_bytes(data, random, size_max)
        if changed != data and len(changed) <= size_max:
            return changed
    return mutate_bytes(data, random, size_max)


class _Nested(list[Any]):
    """An array that stood in a byte string."""


def _open_msgpack(data: bytes) -> Any:
    return _unfold(msgpack.unpackb(data, use_list=True, raw=False, unicode_errors="surrogateescape", strict_map_key=False))


def _unfold(value: Any) -> Any:
    match value:
        case list():
            return [_unfold(item) for item in value]
        case bytes() if value and 0x91 <= value[0] <= 0x9F:
            try:
                return _Nested(_open_msgpack(value))
            except _NOT_OF_THE_FORMAT:
                return value
        case _:
            return value


def _close_msgpack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(_fold(value), use_bin_type=True, unicode_errors="surrogateescape")
    return packed


def _fold(value: Any) -> Any:
    if isinstance(value, _Nested):
        return _close_msgpack(list(value))
    return [_fold(item) for item in value] if isinstance(value, list) else value
