"""Reading a TOML table key by key; whatever does not fit is a problem with its place, and reading goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from p2pchain.chain.errors import shown
from p2pchain.config.kinds import UnfitError
from p2pchain.config.problems import Problem, wanted_known

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Kind(Protocol[T_co]):
    @property
    def wanted(self) -> str: ...

    def check(self, value: object) -> T_co: ...


class Table:
    """One table of the file `source`; `path` is where it stands there."""

    def __init__(self, source: str, path: str, values: object, known: Iterable[str], problems: list[Problem]) -> None:
        self._source, self._path, self._problems = source, path, problems
        self._values: dict[str, object] = values if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self.add_problem("", shown(values), f"a table, [{path}]")
        names = list(known)
        for name in sorted(self._values.keys() - set(names)):
            self.add_problem(name, "an unknown key", wanted_known(name, names, "key"))

    def has(self, name: str) -> bool:
        return name in self._values

    def value(self, name: str, kind: Kind[T]) -> T | None:
        """The value of a key that must be there; None, and a problem, where it is missing or does not fit."""
        if name not in self._values:
            self.add_problem(name, "nothing", kind.wanted)
            return None
        try:
            return kind.check(self._values[name])
        except UnfitError as error:
            reason = f" ({error})" if str(error) else ""
            self.add_problem(name, shown(self._values[name]) + reason, kind.wanted)
            return None

    def table(self, name: str, known: Iterable[str]) -> Table | None:
        """The table of this name; None, and a problem, where there is none."""
        if name not in self._values:
            self.add_problem(name, "nothing", f"a section, [{name}]")
            return None
        return Table(self._source, self._join(name), self._values[name], known, self._problems)

    def tables(self, name: str, known: Iterable[str]) -> list[Table]:
        """The array of tables of this name, which may be missing."""
        found = self._values.get(name, [])
        if not isinstance(found, list):
            self.add_problem(name, shown(found), f"a list of tables, [[{name}]]")
            return []
        names = list(known)
        return [Table(self._source, f"{self._join(name)}[{i}]", item, names, self._problems) for i, item in enumerate(found)]

    def add_problem(self, name: str, found: str, wanted: str) -> None:
        self._problems.append(Problem(self._source, self._join(name), found, wanted))

    def _join(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path and name else self._path or name
