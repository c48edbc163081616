"""Where things stand in the picture, in pixels: lanes from top to bottom, slots from left to right."""

from __future__ import annotations

from typing import NamedTuple

CELL_WIDE = 58
"""Room for a block and four ballots side by side."""
CELL_NARROW = 18
"""Room for a block: long runs are drawn without ballots."""
AXIS = 26
CHAIN_ROW = 24
CHAIN_ROWS = 3
FINAL = 64
CUTS = 22
ROW_TALL = 40
ROW_LOW = 27
ROWS_TALL_MAX = 10
GAP = 12
MARGIN = 10


class Grid(NamedTuple):
    """The measures of one picture."""

    slots: int
    rows: int
    slot_ms: int
    cell: int
    chain_rows: int
    cut_rows: int

    @property
    def row(self) -> int:
        return ROW_TALL if self.rows <= ROWS_TALL_MAX else ROW_LOW

    @property
    def width(self) -> int:
        return self.slots * self.cell + 2 * MARGIN

    @property
    def chain_top(self) -> int:
        return AXIS + 4

    @property
    def final_top(self) -> int:
        return self.chain_top + self.chain_rows * CHAIN_ROW + GAP

    @property
    def cuts_top(self) -> int:
        return self.final_top + FINAL + GAP

    @property
    def nodes_top(self) -> int:
        return self.cuts_top + max(1, self.cut_rows) * CUTS + GAP

    @property
    def height(self) -> int:
        return self.nodes_top + self.rows * self.row + 6

    def x_of_slot(self, slot: int) -> int:
        """The left edge of a slot."""
        return MARGIN + (slot - 1) * self.cell

    def x_of_ms(self, ms: int) -> float:
        """A moment, at most the end of the run."""
        return min(MARGIN + ms / self.slot_ms * self.cell, float(MARGIN + self.slots * self.cell))

    def y_of_node(self, node: int) -> int:
        """The upper edge of a node's row."""
        return self.nodes_top + node * self.row
