"""A row for each node: when it led, when it was down, what it did, and where an invariant did not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from p2pchain.sim.findings import Violation
from p2pchain.sim.report.grid import CELL_NARROW, Grid
from p2pchain.sim.report.limits import CELL_MARKS_MAX
from p2pchain.sim.report.marks import MARKS, colour_of
from p2pchain.sim.report.sentences import moment_words
from p2pchain.sim.report.story import Story
from p2pchain.sim.report.wording import seconds, titled
from p2pchain.sim.timeline import Moment

STACKED_MAX = 3
"""Marks of one kind in one cell stand above each other,"""
STACKED_UP = 6
"""so many pixels apart."""


def draw_rows(story: Story, grid: Grid) -> Iterator[str]:
    for node in range(story.nodes):
        y = grid.y_of_node(node)
        yield f'<path class="row" d="M0 {y}H{grid.width}"/>'
    for slot, leader in story.leaders.items():
        if 1 <= slot <= story.slots and 0 <= leader < story.nodes:
            corner = f'x="{grid.x_of_slot(slot) + 1}" y="{grid.y_of_node(leader) + 1}"'
            tint = f'<rect class="slot" {corner} width="{grid.cell - 1}" height="{grid.row - 1}" fill="{colour_of(leader)}">'
            yield titled(tint, f"node {leader} leads slot {slot}")
    for node, spans in story.down.items():
        y = grid.y_of_node(node)
        for span in spans:
            x = grid.x_of_ms(span.start_ms)
            words = f"node {node} is {span.words}, {seconds(span.start_ms)} to {seconds(span.end_ms)}"
            wide = max(2.0, grid.x_of_ms(span.end_ms) - x)
            yield titled(f'<rect class="down" x="{x:.1f}" y="{y + 1}" width="{wide:.1f}" height="{grid.row - 1}">', words)


def draw_moments(story: Story, moments: Sequence[Moment], grid: Grid, *, is_thin: bool) -> Iterator[str]:
    """Ballots in their places in the cell, all else at its very moment in the upper part of the row."""
    drawn: Counter[tuple[str, int, int]] = Counter()
    for moment in moments:
        mark = MARKS[moment.kind]
        if (
            not 0 <= moment.node < story.nodes
            or not 1 <= moment.slot <= story.slots
            or (is_thin and mark.place >= 0 and mark.name != "block")
        ):
            continue
        cell = (mark.name, moment.node, moment.slot)
        drawn[cell] += 1
        if drawn[cell] > CELL_MARKS_MAX:
            continue
        top = grid.y_of_node(moment.node)
        if mark.place < 0:
            yield titled(mark.draw(grid.x_of_ms(moment.ms), top + grid.row * 0.3, ""), moment_words(story, moment))
            continue
        block = story.block_of(moment)
        of_slot = moment.fields.get("of_slot")
        producer = story.leaders.get(of_slot) if isinstance(of_slot, int) else None
        aside, above = divmod(drawn[cell] - 1, STACKED_MAX)
        place = CELL_NARROW / 2 if is_thin else mark.place
        x, y = grid.x_of_slot(moment.slot) + place + aside * 3, top + grid.row * 0.64 - above * STACKED_UP
        drawing = mark.draw(x, y, colour_of(producer, block.rival if block else 0))
        yield titled(drawing, moment_words(story, moment))


def draw_violated_slots(violations: Sequence[Violation], grid: Grid) -> Iterator[str]:
    for slot in sorted({min(max(violation.slot, 1), grid.slots) for violation in violations}):
        words = "\n".join(f"{each.invariant} at node {each.node}: {each.text[:300]}" for each in violations if each.slot == slot)
        column = f'<rect class="violated" x="{grid.x_of_slot(slot)}" y="0" width="{grid.cell}" height="{grid.height}">'
        yield titled(column, f"slot {slot}: {words or 'an invariant did not hold when the run ended'}")


def draw_violated_nodes(violations: Sequence[Violation], grid: Grid) -> Iterator[str]:
    for node, slot in sorted(
        {(each.node, each.slot) for each in violations if 0 <= each.node < grid.rows and 1 <= each.slot <= grid.slots}
    ):
        yield (
            f'<rect class="guilty" x="{grid.x_of_slot(slot) + 1}" y="{grid.y_of_node(node) + 1}" width="{grid.cell - 2}" '
            f'height="{grid.row - 2}" rx="3"/>'
        )
