"""Changes that know nothing of any format: bits, bytes, numbers, pieces."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

NUMBERS = (0, 1, 2, 15, 16, 31, 32, 33, 64, 127, 128, 255, 256, 512, 1_024, 32_767, 32_768, 65_535, 65_536)
WIDE = (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
PIECE_MAX = 64


def mutate_bytes(data: bytes, random: Random, size_max: int) -> bytes:
    """One to four changes."""
    changed = bytearray(data)
    for _ in range(1 + int(random.random() ** 2 * 4)):
        CHANGES[int(random.random() * len(CHANGES))](changed, random)
    return bytes(changed[:size_max])


def place(data: bytearray, random: Random) -> int:
    return int(random.random() * len(data))


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[place(data, random)] ^= 1 << int(random.random() * 8)


def _set(data: bytearray, random: Random) -> None:
    if data:
        data[place(data, random)] = int(random.random() * 256)


def _insert(data: bytearray, random: Random) -> None:
    at = place(data, random)
    data[at:at] = random.randbytes(1 + int(random.random() ** 3 * PIECE_MAX))


def _remove(data: bytearray, random: Random) -> None:
    at = place(data, random)
    del data[at : at + 1 + int(random.random() ** 3 * PIECE_MAX)]


def _repeat(data: bytearray, random: Random) -> None:
    at, to = place(data, random), place(data, random)
    data[to:to] = data[at : at + 1 + int(random.random() ** 2 * PIECE_MAX)]


def _overwrite(data: bytearray, random: Random) -> None:
    at, to = place(data, random), place(data, random)
    piece = data[at : at + 1 + int(random.random() ** 2 * PIECE_MAX)]
    data[to : to + len(piece)] = piece


def _cut(data: bytearray, random: Random) -> None:
    del data[place(data, random) :]


def _number(data: bytearray, random: Random) -> None:
    width = random.choice((1, 2, 4, 8))
    number = random.choice(NUMBERS if width < 8 else WIDE) % (1 << 8 * width)
    at = place(data, random)
    data[at : at + width] = number.to_bytes(width, "big")


def _step(data: bytearray, random: Random) -> None:
    if data:
        at = place(data, random)
        data[at] = (data[at] + random.choice((-1, 1))) % 256


CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _set,
    _insert,
    _remove,
    _repeat,
    _overwrite,
    _cut,
    _number,
    _step,
)
