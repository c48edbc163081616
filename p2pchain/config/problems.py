"""What is wrong with a configuration: every mistake of every source, told at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from p2pchain.chain.errors import shown

_KEY_LETTERS_MAX = 200
"""A key in quotes may be anything."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    `source` is a file with its line, an environment variable or a flag; `key` is empty for a file that cannot be read.
    """

    source: str
    key: str
    found: str
    wanted: str

    def __str__(self) -> str:
        key = self.key if self.key.isprintable() and len(self.key) <= _KEY_LETTERS_MAX else shown(self.key)
        subject = f"{self.source}: {key}" if key else self.source
        return f"{subject}: found {self.found}, wanted {self.wanted}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the configuration cannot be used:\n{lines}\nCorrect it, then run: p2pchain config check"


def wanted_known(name: str, known: Iterable[str], what: str) -> str:
    """What to write instead of an unknown name: the nearest known one, or else all of them."""
    names = list(known)
    nearest = get_close_matches(name, names, n=1)
    return f'a known {what}: did you mean "{nearest[0]}"?' if nearest else f"a known {what}: {', '.join(names)}"
