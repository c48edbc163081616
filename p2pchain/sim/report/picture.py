"""The picture itself, as SVG: an axis, the chain, the final height, cut links, and a row for each node."""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.sim.findings import Violation
from p2pchain.sim.report.grid import CELL_NARROW, CELL_WIDE, CHAIN_ROWS, Grid
from p2pchain.sim.report.lanes import draw_axis, draw_chain, draw_cuts, draw_final_height, draw_healing, in_lanes
from p2pchain.sim.report.rows import draw_moments, draw_rows, draw_violated_nodes, draw_violated_slots
from p2pchain.sim.report.story import Story
from p2pchain.sim.timeline import Moment

_HATCHING = (
    '<defs><pattern id="down" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#e4e7ec"/><path d="M0 0v6" stroke="#b6bdc9" stroke-width="2.4"/></pattern></defs>'
)


def make_grid(story: Story, *, is_thin: bool) -> Grid:
    rivals = max((block.rival for block in story.blocks), default=0)
    lanes = max((lane for lane, _ in in_lanes(story.cuts)), default=-1) + 1
    cell = CELL_NARROW if is_thin else CELL_WIDE
    return Grid(story.slots, story.nodes, story.slot_ms, cell, min(rivals + 1, CHAIN_ROWS), lanes)


def draw_picture(story: Story, moments: Sequence[Moment], violations: Sequence[Violation], grid: Grid, *, is_thin: bool) -> str:
    parts = [
        f'<svg class="picture" role="img" aria-label="slots across, nodes down" width="{grid.width}" height="{grid.height}">',
        _HATCHING,
        *draw_violated_slots(violations, grid),
        *draw_axis(grid),
        *draw_rows(story, grid),
        *draw_healing(story, grid),
        *draw_chain(story, grid, is_thin=is_thin),
        *draw_final_height(story, grid),
        *draw_cuts(story, grid),
        *draw_moments(story, moments, grid, is_thin=is_thin),
        *draw_violated_nodes(violations, grid),
        "</svg>",
    ]
    return "\n".join(parts)
