"""From the sources to one checked `Config`.

A later source wins, key by key. A mistake never hides another one: whatever is wrong, in a value that is overridden
too, ends up in one `ConfigError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from p2pchain.chain.errors import shown
from p2pchain.config.home import Home
from p2pchain.config.kinds import UnfitError
from p2pchain.config.misfits import misfits
from p2pchain.config.problems import ConfigError, Problem, wanted_known
from p2pchain.config.sections import KEYS, SECTIONS, Config
from p2pchain.config.sources import Origin, Setting, settings_of_environment, settings_of_file, settings_of_flags


class Place(NamedTuple):
    """Where the value of a key was set, as the one that wins."""

    origin: Origin
    source: str
    """The file with its line, the variable, `flag`, or `default`."""


DEFAULT = Place("default", "default")


class Traced(NamedTuple):
    config: Config
    places: Mapping[str, Place]
    """By path, of every key."""


def load_config(home: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None) -> Config:
    """The configuration of the node at `home`; a home without `node.toml` has the defaults.

    `overrides` maps `"section.key"` to a value or to its text, as flags give it. Raises ConfigError.
    """
    return load_traced(home, environ, overrides).config


def load_traced(home: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None) -> Traced:
    """The same, with the place that each value comes from."""
    layout = Home(home)
    problems: list[Problem] = []
    settings = [
        *settings_of_file(layout.config_file, problems),
        *settings_of_environment(environ or {}, problems),
        *settings_of_flags(overrides or {}),
    ]
    values = checked_values(settings, problems)
    found = _build(layout, values)
    places = dict.fromkeys(KEYS, DEFAULT) | {setting.path: Place(setting.origin, setting.source) for setting in settings}
    problems += [Problem(places[path].source, path, seen, wanted) for path, seen, wanted in misfits(found)]
    if problems:
        raise ConfigError(problems)
    return Traced(found, places)


def checked_values(settings: Iterable[Setting], problems: list[Problem]) -> dict[str, object]:
    """The last fitting value of each key that is set; whatever does not fit is added to `problems`."""
    values: dict[str, object] = {}
    for setting in settings:
        key = KEYS.get(setting.path)
        if key is None:
            problems.append(Problem(setting.source, setting.path, "an unknown key", _nearest_key(setting.path)))
            continue
        kind, value = key.kind, setting.value
        try:
            values[key.path] = kind.from_text(str(value)) if setting.is_text else kind.check(value)
        except UnfitError:
            problems.append(Problem(setting.source, key.path, shown(setting.value), key.kind.wanted))
    return values


def _nearest_key(path: str) -> str:
    section = path.partition(".")[0]
    of_section = [known for known, key in KEYS.items() if key.section == section]
    return wanted_known(path, of_section or KEYS, "key")


def _build(home: Home, values: Mapping[str, object]) -> Config:
    sections = {name: replace(defaults, **_of_section(name, values)) for name, defaults in SECTIONS.items()}
    return Config(home, **sections)


def _of_section(section: str, values: Mapping[str, object]) -> dict[str, object]:
    return {KEYS[path].name: value for path, value in values.items() if KEYS[path].section == section}
