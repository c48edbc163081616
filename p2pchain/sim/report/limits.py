"""How much a page can show: what a browser still scrolls smoothly, counted in cells (one node in one slot)."""

from __future__ import annotations

from p2pchain.sim.options import BadOption, Options

CELLS_FULL = 6_000
"""Up to here every vote is drawn: about 3 MB."""
CELLS_MAX = 60_000
"""Up to here blocks, finality and faults are, without the votes of each node."""
CELL_MARKS_MAX = 6
"""Of one kind in one cell: a dishonest node may say anything any number of times."""


def validate_drawable(options: Options) -> None:
    """`BadOption` where a run is too long for a page."""
    cells = options.nodes * options.slots
    if cells > CELLS_MAX:
        raise BadOption(
            "--report",
            f"{options.nodes} nodes in {options.slots} slots are {cells:,} cells, at most {CELLS_MAX:,} can be drawn; "
            f"wanted --slots {CELLS_MAX // options.nodes} or fewer",
        )
