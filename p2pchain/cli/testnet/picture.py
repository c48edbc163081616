"""The watched testnet as a table for a terminal, and as one line for a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from p2pchain.cli.testnet.samples import Row, leader_name
from p2pchain.cli.testnet.traffic import SampleTransfer

_STYLES = {"final": "green", "included": "yellow", "pending": "dim"}
_COLUMNS = ("node", "role", "head", "final", "peers", "tx/s", "latency", "condition")


@dataclass(frozen=True, slots=True)
class Scene:
    """What one look gave."""

    rows: Sequence[Row]
    transfers: Sequence[SampleTransfer] = ()
    """The last few sample transfers."""
    sent: int = 0
    final: int = 0

    @property
    def slot(self) -> int | None:
        slots = [row.status["slot"] for row in self.rows if row.status is not None]
        return max(slots, default=None)


def line_of(scene: Scene) -> str:
    """For example `slot 12 leader node-2 | node-1 head 5 final 5 peers 3 tx/s 4.8 latency 60 ms | node-2 down`."""
    parts = [f"slot {_shown(scene.slot)} leader {leader_name(scene.rows)}", *map(_line_of_node, scene.rows)]
    if scene.transfers:
        parts.append(f"transfers sent {scene.sent} final {scene.final}")
    return " | ".join(parts)


def picture_of(scene: Scene) -> RenderableType:
    transfers = f"   transfers sent {scene.sent}, final {scene.final}" if scene.transfers else ""
    words = f"slot {_shown(scene.slot)}   leader {leader_name(scene.rows)}{transfers}   Ctrl-C ends all nodes"
    title = Text(words, style="bold")
    parts: list[RenderableType] = [title, _nodes(scene.rows)]
    if scene.transfers:
        parts.append(_transfers(scene.transfers))
    return Group(*parts)


def _nodes(rows: Sequence[Row]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in _COLUMNS:
        is_text = name in ("node", "role", "condition")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*_cells(row), style=None if row.status else "red")
    return table


def _cells(row: Row) -> list[str]:
    if row.status is None:
        return [row.name, row.role, "", "", "", "", "", "down"]
    status = row.status
    numbers = [status["head"]["height"], status["final"]["height"], status["peers"]]
    latency = "" if row.latency_ms is None else f"{row.latency_ms:.0f} ms"
    return [row.name, row.role, *map(str, numbers), _rate(row), latency, status["condition"]]


def _transfers(transfers: Sequence[SampleTransfer]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("transfer", "from", "to", "amount", "status"):
        table.add_column(name, justify="right" if name == "amount" else "left")
    for item in transfers:
        status = Text(item.status, style=_STYLES.get(item.status, "red"))
        table.add_row(f"{item.id[:16]}...", item.sender, item.recipient, str(item.amount), status)
    return table


def _line_of_node(row: Row) -> str:
    if row.status is None:
        return f"{row.name} down"
    status = row.status
    heights = f"head {status['head']['height']} final {status['final']['height']}"
    latency = "" if row.latency_ms is None else f" latency {row.latency_ms:.0f} ms"
    return f"{row.name} {heights} peers {status['peers']} tx/s {_rate(row)}{latency}"


def _rate(row: Row) -> str:
    return "-" if row.transactions_per_s is None else f"{row.transactions_per_s:.1f}"


def _shown(slot: int | None) -> str:
    return "-" if slot is None else str(slot)
