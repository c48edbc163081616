"""The places where settings come from, each read into the same form.

A source only says what was set where; whether the value fits is checked for all of them in one place (`loading`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TypeAlias

from p2pchain.chain.errors import shown
from p2pchain.config.problems import Problem, wanted_known
from p2pchain.config.sections import KEYS, SECTIONS
from p2pchain.config.toml import TomlError, loads_toml

_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_SYNTAX_ERROR_PLACE = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
_RESERVED = frozenset({"P2PCHAIN_HOME", "P2PCHAIN_NODE"})  # the command line's own
_OUR_SECTIONS = tuple(f"P2PCHAIN_{section}_".upper() for section in SECTIONS)

Origin: TypeAlias = Literal["default", "file", "environment", "flag"]


@dataclass(frozen=True, slots=True)
class Setting:
    """`path` (section.key) was set to `value` at `source`; `is_text` if the value has yet to be read from text."""

    source: str
    path: str
    value: object
    is_text: bool
    origin: Origin = "flag"


def settings_of_file(path: Path, problems: list[Problem]) -> Iterator[Setting]:
    """What the TOML file sets; nothing where there is no file."""
    text = _read_text(path, problems)
    lines = _lines_of_keys(text)
    for section, table in _parse(path, text, problems).items():
        source = f"{path}:{lines.get(section, '?')}"
        if section not in SECTIONS:
            wanted = wanted_known(section, SECTIONS, "section")
            problems.append(Problem(source, section, "an unknown section or a key outside of one", wanted))
        elif not isinstance(table, dict):
            problems.append(Problem(source, section, shown(table), f"a section, [{section}]"))
        else:
            for name, value in table.items():
                path_of_key = f"{section}.{name}"
                yield Setting(f"{path}:{lines.get(path_of_key, '?')}", path_of_key, value, is_text=False, origin="file")


def settings_of_environment(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[Setting]:
    """What `P2PCHAIN_SECTION_KEY` variables set; one that looks mistyped is a problem, not a surprise later."""
    known = {key.variable: key for key in KEYS.values()}
    for variable in sorted(environ.keys() - _RESERVED):
        if variable in known:
            source, path = f"environment variable {variable}", known[variable].path
            yield Setting(source, path, environ[variable], is_text=True, origin="environment")
        elif variable.startswith(_OUR_SECTIONS) or (
            variable.startswith("P2PCHAIN_") and get_close_matches(variable, known, n=1, cutoff=0.9)
        ):
            wanted = wanted_known(variable, known, "variable")
            problems.append(Problem("environment", variable, "an unknown variable", wanted))


def settings_of_flags(overrides: Mapping[str, object]) -> Iterator[Setting]:
    for path, value in overrides.items():
        yield Setting("flag", path, value, is_text=isinstance(value, str))


def _read_text(path: Path, problems: list[Problem]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        problems.append(Problem(str(path), "", f"that it cannot be read ({error.strerror})", "a readable file"))
    except UnicodeDecodeError as error:
        problems.append(Problem(str(path), "", f"no UTF-8 at byte {error.start}", "a text in UTF-8"))
    return ""


def _parse(path: Path, text: str, problems: list[Problem]) -> dict[str, object]:
    try:
        return loads_toml(text)
    except TomlError as error:
        place = _SYNTAX_ERROR_PLACE.fullmatch(str(error))
        line = (place and place["line"]) or str(text.count("\n") + 1)
        what = place["what"] if place else str(error)
        problems.append(Problem(f"{path}:{line}", "", f"a syntax error ({what})", "TOML"))
        return {}


def _lines_of_keys(text: str) -> dict[str, int]:
    """Where each section and key is first written.

    A plain scan: a key in quotes or a text over several lines may hide or shift one. It only serves messages.
    """
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1]
            lines.setdefault(section, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault(f"{section}.{assignment[1]}".lstrip("."), number)
    return lines
