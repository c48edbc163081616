"""Answers of the API on a terminal: the JSON as it came, or its fields as lines and its lists as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

_NOT_SHOWN = frozenset({"raw"})
"""Bytes for programs; `--json` has them."""
_CELL_LETTERS_MAX = 72


def show(answer: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: Mapping[str, object], indent: str = "") -> list[str]:
    """Plain fields first, aligned; then what has parts of its own."""
    plain = {name: value for name, value in answer.items() if not _has_parts(value) and name not in _NOT_SHOWN}
    width = max(map(len, plain), default=0)
    lines = [f"{indent}{name:<{width}}  {_text(value)}" for name, value in plain.items()]
    for name, value in answer.items():
        if _has_parts(value):
            lines += [f"{indent}{name}:", *_part(value, indent + "  ")]
    return lines


def _has_parts(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value))


def _part(value: object, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        return _lines(value, indent)
    assert isinstance(value, list)
    if all(isinstance(item, Mapping) for item in value):
        return [indent + line for line in table(value)]
    return [f"{indent}{_text(item)}" for item in value]


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Rows of one shape as aligned columns under their names."""
    names = [name for name in rows[0] if name not in _NOT_SHOWN]
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _CELL_LETTERS_MAX else text[: _CELL_LETTERS_MAX - 3] + "..."


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(item)}" for name, item in value.items() if name not in _NOT_SHOWN)
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return {None: "-", True: "yes", False: "no"}.get(value, str(value)) if value is None or isinstance(value, bool) else str(value)
