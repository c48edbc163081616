"""A mutant: one small change that would be a disaster, and the tests that must object to it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    name: str
    file: str
    """Below `p2pchain/`."""
    old: str
    """Occurs exactly once in the file."""
    new: str
    why: str
    """What could happen to a network that ran it."""
    tests: tuple[str, ...]
    """Files or tests below `tests/`, quickest first: the first one that fails is the answer."""

    @property
    def path(self) -> str:
        return f"p2pchain/{self.file}"

    def mismatch(self, root: Path = ROOT) -> str:
        """Why the change no longer fits the source; empty where it does."""
        try:
            found = (root / self.path).read_text(encoding="utf-8").count(self.old)
        except FileNotFoundError:
            return f"{self.name}: {self.path} does not exist; name the file that this rule moved to"
        return "" if found == 1 else f"{self.name}: the old text occurs {found} times in {self.path}, once wanted; adjust it to the source"

    def apply(self, root: Path) -> None:
        """Change the file below `root`."""
        wrong = self.mismatch(root)
        if wrong:
            raise ValueError(wrong)
        path = root / self.path
        path.write_text(path.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")
