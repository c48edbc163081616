"""How far a benchmark is, as it tells whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def begin(self, words: str, total: float) -> None:
        """A new part begins, of so many steps."""
        ...

    def advance(self, steps: float = 1) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, words: str, total: float) -> None:
        pass

    def advance(self, steps: float = 1) -> None:
        pass
