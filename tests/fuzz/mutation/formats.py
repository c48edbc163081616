"""Changes to bytes by way of the value that they encode, so that what comes out is still of the format: it gets deep.

Each falls back on changes of bytes, always where the bytes are not of the format, and now and then where they are.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from random import Random
from typing import Any

import tomli_w

from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.mutation.values import NOT_OF_THE_FORMAT, WIDEN_SHARE, close_msgpack, mutate_value, open_msgpack, widen

PLAIN_SHARE = 0.15


def mutate_msgpack(data: bytes, random: Random, size_max: int) -> bytes:
    """Also within byte strings that are MessagePack arrays themselves, as signed bodies are."""
    if data and random.random() < WIDEN_SHARE:
        return widen(data, random)[:size_max]
    return _by_value(data, random, size_max, open_msgpack, close_msgpack)


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
        return repair(changed)[:size_max] if random.random() < 0.7 else changed

    return mutated


def _by_value(data: bytes, random: Random, size_max: int, load: Callable[[bytes], Any], dump: Callable[[Any], bytes]) -> bytes:
    if random.random() >= PLAIN_SHARE:
        try:
            changed = dump(mutate_value(load(data), random))
        except NOT_OF_THE_FORMAT:
            return mutate_bytes(data, random, size_max)
        if changed != data and len(changed) <= size_max:
            return changed
    return mutate_bytes(data, random, size_max)
