"""Files of rows: written beside and renamed when they are whole, so that a name never stands for half of one.

Memory is bounded: JSON Lines are written as they come, Parquet in groups of rows of bounded size.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from p2pchain.care.columns import Column, Row, Value
from p2pchain.storage.durable import sync_folder


class ExportError(Exception):
    """Why there is no file, in one line."""


class Sink(Protocol):
    """Takes rows in order."""

    def write(self, row: Row) -> None: ...

    def close(self) -> None:
        """All rows came: the file is complete, though not durable yet."""
        ...


class JsonLines:
    """One object a line, keys in the order of the columns; first `head`, where there is one."""

    def __init__(self, file: IO[bytes], columns: Mapping[str, Column], head: Mapping[str, object] | None) -> None:
        self._file = file
        self._columns = columns
        if head is not None:
            file.write(_line(head))

    def write(self, row: Row) -> None:
        self._file.write(_line(json_row(row, self._columns)))

    def close(self) -> None:
        self._file.flush()


def json_row(row: Row, columns: Mapping[str, Column]) -> dict[str, object]:
    return {name: _json(value, kind) for value, (name, kind) in zip(row, columns.items(), strict=True)}


def _json(value: Value, kind: Column) -> object:
    match kind:
        case Column.AMOUNT:
            return str(value)
        case Column.BYTES:
            assert isinstance(value, bytes), "columns of bytes hold bytes"
            return value.hex()
        case Column.INTEGER | Column.TEXT:
            return value


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file under another name; at the end of the block it is durable under `path`, and after an error it is gone.

    Where writing fails `path` is as it was.  What a killed process leaves is a hidden file with `.new-` in its name.
    """
    if path.exists() and not overwrite:
        raise ExportError(f"{path} exists and stays; name another file with --out, or say --overwrite")
    temporary = path.with_name(f".{path.name}.new-{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}; make room or name another place") from error
    finally:
        temporary.unlink(missing_ok=True)
