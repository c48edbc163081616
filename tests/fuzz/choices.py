"""Bytes read as decisions, for targets that are a conversation; bytes that are missing decide for the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Reads on until the bytes are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """From 0; one byte up to 256, else two."""
        width = 1 if below <= 256 else 2
        return int.from_bytes(self.piece(width), "big") % below

    def pick(self, items: Sequence[T]) -> T:
        return items[self.number(len(items))]

    def piece(self, size: int) -> bytes:
        """At most so many bytes, as they are."""
        self._at += size
        return self._data[self._at - size : self._at]

    def block(self) -> bytes:
        """A byte string behind its length in two bytes."""
        return self.piece(int.from_bytes(self.piece(2), "big"))

    def rest(self) -> bytes:
        return self.piece(max(0, len(self._data) - self._at))


def block(data: bytes) -> bytes:
    """What `Choices.block` reads."""
    return len(data).to_bytes(2, "big") + data
