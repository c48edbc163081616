"""The lanes above the nodes: slots, the chain, the final height, what was cut, and where faults end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from p2pchain.sim.report.grid import CELL_NARROW, CELL_WIDE, CHAIN_ROW, CHAIN_ROWS, CUTS, FINAL, Grid
from p2pchain.sim.report.marks import colour_of
from p2pchain.sim.report.sentences import block_words, latency_slots
from p2pchain.sim.report.story import Block, Span, Step, Story
from p2pchain.sim.report.wording import escaped, seconds, titled

_LETTERS = "abcdefgh"
CUT_LANES_MAX = 5
"""Beyond it cuts are drawn over each other, see-through."""


def draw_axis(grid: Grid) -> Iterator[str]:
    every = 5 if grid.cell == CELL_NARROW else 1
    for slot in range(1, grid.slots + 1):
        x = grid.x_of_slot(slot)
        strong = " strong" if slot % 5 == 1 else ""
        yield f'<path class="edge{strong}" d="M{x} 20V{grid.height}"/>'
        if (slot - 1) % every == 0:
            weight = "strong" if (slot - 1) % 5 == 0 else "weak"
            yield titled(
                f'<text class="slotname {weight}" x="{x + 4}" y="14">{slot}', f"slot {slot}, from {seconds((slot - 1) * grid.slot_ms)} on"
            )


def draw_healing(story: Story, grid: Grid) -> Iterator[str]:
    if story.healed_ms is None:
        return
    x = grid.x_of_ms(story.healed_ms)
    yield f'<rect class="healed" x="{x:.1f}" y="20" width="{max(0, grid.width - x):.1f}" height="{grid.height - 20}"/>'
    yield titled(
        f'<path class="heal" d="M{x:.1f} 18V{grid.height}">', f"all faults end at {seconds(story.healed_ms)}; from here finality is owed"
    )


def draw_chain(story: Story, grid: Grid, *, is_thin: bool) -> Iterator[str]:
    """A box for each block in its slot: filled when it became final, an outline when it did not; rivals of a slot below each other."""
    shown = [block for block in story.blocks if block.rival < CHAIN_ROWS and 1 <= block.slot <= story.slots]
    shown.sort(key=lambda each: (each.slot, each.rival))
    left = {id(block): (grid.x_of_slot(block.slot) + 3, grid.chain_top + block.rival * CHAIN_ROW) for block in shown}
    wide = grid.cell - 6
    final = [left[id(block)] for block in shown if block.final_ms is not None]
    middle = (CHAIN_ROW - 5) / 2
    for (x, y), (next_x, next_y) in pairwise(final):
        yield f'<path class="chain" d="M{x + wide} {y + middle}L{next_x} {next_y + middle}"/>'
    for block in shown:
        x, y = left[id(block)]
        colour = colour_of(story.leaders.get(block.slot), block.rival)
        look = f'class="boxed unfinal" stroke="{colour}"' if block.final_ms is None else f'class="boxed final" fill="{colour}"'
        yield titled(f'<rect {look} x="{x}" y="{y}" width="{wide}" height="{CHAIN_ROW - 5}" rx="4">', block_words(story, block))
        if not is_thin:
            letter = _LETTERS[block.rival] if len(story.blocks_of(block.slot)) > 1 else ""
            state = "" if block.final_ms is not None else " unfinal"
            name = f"{block.height}{letter}{_late_words(story, block)}"
            yield f'<text class="height{state}" x="{x + wide / 2:.1f}" y="{y + 14}">{name}</text>'


def _late_words(story: Story, block: Block) -> str:
    if block.final_ms is None:
        return ""
    late = latency_slots(story, block)
    return f'<tspan class="late" dx="4">+{late:.{0 if late >= 10 else 1 if late >= 1 else 2}f}</tspan>'


def draw_final_height(story: Story, grid: Grid) -> Iterator[str]:
    """A band from the last node to the furthest one."""
    top = max(step.most for step in story.steps) or 1
    floor = grid.final_top + FINAL

    def y_of(height: int) -> float:
        return floor - 4 - height / top * (FINAL - 14)

    def line(heights: list[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for step, height in zip(story.steps, heights, strict=True):
            x = grid.x_of_ms(step.ms)
            if points:
                points.append((x, points[-1][1]))
            points.append((x, y_of(height)))
        return [*points, (grid.x_of_ms(story.end_ms), points[-1][1])]

    most, least = line([step.most for step in story.steps]), line([step.least for step in story.steps])
    band = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*most, *reversed(least)])
    yield f'<path class="floor" d="M{grid.x_of_slot(1)} {floor}H{grid.width}"/>'
    yield titled(f'<polygon class="lag" points="{band}">', "between the furthest node that is up and the last one")
    yield titled(
        f'<polyline class="finalheight" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in most)}">',
        f"final height of the furthest node, {top} at the end",
    )
    every, slot = 5 if grid.cell == CELL_WIDE else 25, 0
    for step, following in pairwise([*story.steps, Step(story.end_ms + 1, 0, 0)]):
        while (slot + every) * story.slot_ms < following.ms:
            slot += every
            yield f'<text class="reached" x="{grid.x_of_slot(slot + 1) - 4}" y="{y_of(step.most) - 5:.1f}">{step.most}</text>'


def draw_cuts(story: Story, grid: Grid) -> Iterator[str]:
    for lane, span in in_lanes(story.cuts):
        x, y = grid.x_of_ms(span.start_ms), grid.cuts_top + lane * CUTS
        wide = max(6.0, grid.x_of_ms(span.end_ms) - x)
        words = f"{span.words}, {seconds(span.start_ms)} to {seconds(span.end_ms)}"
        yield titled(f'<rect class="cut" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{CUTS - 4}" rx="3">', words)
        letters = int((wide - 8) / 6.2)
        name = next((name for name in (span.words, span.words.partition(":")[0]) if len(name) <= letters), "")
        if name:
            yield f'<text class="cutname" x="{x + 5:.1f}" y="{y + 13}">{escaped(name)}</text>'


def in_lanes(spans: list[Span]) -> list[tuple[int, Span]]:
    """Spans of one time do not share a lane, as long as there are lanes."""
    ends: list[int] = []
    placed = []
    for span in sorted(spans):
        lane = next((lane for lane, end in enumerate(ends) if end <= span.start_ms), len(ends))
        lane = min(lane, CUT_LANES_MAX - 1)
        ends[lane : lane + 1] = [span.end_ms]
        placed.append((lane, span))
    return placed
