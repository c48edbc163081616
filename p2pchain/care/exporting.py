"""Blocks, transfers and accounts of a home as rows of a file, streamed: the node may run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum, unique
from pathlib import Path
from typing import NamedTuple

from p2pchain.care.columns import ACCOUNTS_TABLE, BLOCKS, TRANSFERS, AccountRows, Column, Row, TransferRows, stored_block_rows
from p2pchain.care.parquet import Parquet
from p2pchain.care.sinks import ExportError, JsonLines, Sink, whole_file
from p2pchain.care.verification import Tick
from p2pchain.chain.errors import Invalid
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.state import ACCOUNTS
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.inspection import Inspection, StoredFinal

__all__ = ["BLOCKS_FORMAT", "ExportError", "Exported", "Format", "Heights", "Table", "blocks_head", "export"]

BLOCKS_FORMAT = 1
"""Of the files that `import` reads."""


@unique
class Format(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"


@unique
class Table(StrEnum):
    BLOCKS = "blocks"
    TRANSFERS = "transfers"
    ACCOUNTS = "accounts"


class Heights(NamedTuple):
    """Both included."""

    first: int
    last: int


class Target(NamedTuple):
    path: Path
    format: Format
    overwrite: bool = False


class Exported(NamedTuple):
    rows: int
    bytes: int
    first: int
    last: int


def blocks_head(genesis: Genesis, heights: Heights) -> Mapping[str, object]:
    """The first line of a file of blocks: what it must hold, so that a shorter one is known for what it is."""
    return {
        "p2pchain": "blocks",
        "format": BLOCKS_FORMAT,
        "network": genesis.name,
        "chain_id": genesis.chain_id.hex(),
        "from": heights.first,
        "to": heights.last,
    }


def export(inspection: Inspection, genesis: Genesis, table: Table, heights: Heights, target: Target, tick: Tick) -> Exported:
    """Write the file, whole or not at all.  `ExportError` says why there is none."""
    final = inspection.last_height()
    first = inspection.pruned_height() + 1
    if table is not Table.ACCOUNTS and not first <= heights.first <= heights.last <= final:
        older = "" if first == 1 else "; older ones were pruned"
        raise ExportError(f"blocks {heights.first} to {heights.last} are wanted, this home has blocks {first} to {final}{older}")
    count = 0
    with ExitStack() as stack:
        if table is Table.BLOCKS:
            heights = heights._replace(last=_proven_end(inspection, heights.last, final))
        file = stack.enter_context(whole_file(target.path, overwrite=target.overwrite))
        columns, head, rows = _source(inspection, genesis, table, heights, stack, tick)
        sink: Sink = (JsonLines if target.format is Format.JSONL else Parquet)(file, columns, head)
        try:
            for row in rows:
                sink.write(row)
                count += 1
        except (DamagedStore, Invalid) as error:
            raise ExportError(f"the chain of this home is damaged ({error}): p2pchain verify says where") from error
        sink.close()
        size = file.tell()
    return Exported(count, size, *heights)


def _source(
    inspection: Inspection, genesis: Genesis, table: Table, heights: Heights, stack: ExitStack, tick: Tick
) -> tuple[Mapping[str, Column], Mapping[str, object] | None, Iterator[Row]]:
    """Columns, what is told of the whole file, and the rows."""
    spec = genesis.spec()
    match table:
        case Table.BLOCKS:
            return BLOCKS, blocks_head(genesis, heights), _of_blocks(inspection, heights, stored_block_rows, spec, tick)
        case Table.TRANSFERS:
            return TRANSFERS, None, _of_blocks(inspection, heights, TransferRows(spec), spec, tick)
        case Table.ACCOUNTS:
            # one state of the disk from the first account to the last: seconds, in which a node frees no pages
            snapshot = stack.enter_context(inspection.snapshot())
            make = AccountRows(snapshot.final.height, spec, snapshot)
            return ACCOUNTS_TABLE, None, (make(key, value) for key, value in snapshot.rows(ACCOUNTS.prefix))


def _of_blocks(
    inspection: Inspection,
    heights: Heights,
    rows_of: Callable[[StoredFinal, ChainSpec], Iterator[Row]],
    spec: ChainSpec,
    tick: Tick,
) -> Iterator[Row]:
    for stored in inspection.finals(range(heights.first, heights.last + 1)):
        yield from rows_of(stored, spec)
        tick("blocks", len(stored.value))


def _proven_end(inspection: Inspection, last: int, final: int) -> int:
    """The next block that has confirms of its own: a file must prove all that is in it."""
    return next((stored.height for stored in inspection.finals(range(last, final + 1)) if stored.confirms), last)
