"""Parquet by pyarrow, where it is installed: `pip install p2pchain[parquet]`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import IO, Any

from p2pchain.care.columns import Column, Row, Value
from p2pchain.care.sinks import ExportError

GROUP_ROWS = 20_000
GROUP_BYTES = 32 << 20
"""Rows are held until one of the two is reached: a few times as much memory, whatever the chain."""
AMOUNT_DIGITS = 20


class Parquet:
    """`care.sinks.Sink` over a file."""

    def __init__(self, file: IO[bytes], columns: Mapping[str, Column], head: Mapping[str, object] | None) -> None:
        pyarrow, parquet = _load()
        kinds = {
            Column.INTEGER: pyarrow.int64(),
            Column.TEXT: pyarrow.string(),
            Column.AMOUNT: pyarrow.decimal128(AMOUNT_DIGITS, 0),
            Column.BYTES: pyarrow.binary(),
        }
        metadata = {f"p2pchain.{name}": str(value) for name, value in (head or {}).items()}
        self._schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()], metadata=metadata)
        self._pyarrow = pyarrow
        self._columns = columns
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._bytes = 0

    def write(self, row: Row) -> None:
        self._rows.append(row)
        self._bytes += sum(len(value) for value in row if isinstance(value, bytes))
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        arrays = [
            self._pyarrow.array([_arrow(row[place], kind) for row in self._rows], type=self._schema.field(name).type)
            for place, (name, kind) in enumerate(self._columns.items())
        ]
        self._writer.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._bytes = [], 0


def _arrow(value: Value, kind: Column) -> Value | Decimal:
    if kind is Column.AMOUNT:
        assert isinstance(value, int), "amounts are integers"
        return Decimal(value)
    return value


def _load() -> tuple[Any, Any]:
    """Both modules; they take half a second, so nobody but an export to Parquet loads them."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ExportError("Parquet needs pyarrow, which is not installed: pip install 'p2pchain[parquet]', or --format jsonl") from error
