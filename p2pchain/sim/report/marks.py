"""The marks of a page, one for each kind of moment: how it is drawn, and in which words the legend explains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from p2pchain.sim.timeline import Kind

Draw = Callable[[float, float, str], str]
"""At this centre, in this colour: an SVG element, left open for its title."""
GOLDEN_ANGLE = 137.508


def colour_of(node: int | None, rival: int = 0) -> str:
    """Of a node and of what it produced; rivals of one slot differ in lightness."""
    if node is None:
        return "#98a2b3"
    lightness = (46, 68, 30)[min(rival, 2)] + (node // 9 % 2) * 8
    return f"hsl({round(node * GOLDEN_ANGLE + 210) % 360},{64 - node // 5 % 3 * 12}%,{lightness}%)"


class Mark(NamedTuple):
    """How one kind of moment looks."""

    name: str
    """Also its class in the page."""
    words: str
    draw: Draw
    place: int
    """Across a cell, in pixels; -1 for what stands at its very moment."""


def _block(x: float, y: float, colour: str) -> str:
    return f'<rect class="block" x="{x - 7:.1f}" y="{y - 7:.1f}" width="14" height="14" rx="3" fill="{colour}">'


def _vote(x: float, y: float, colour: str) -> str:
    return f'<path class="vote" d="M{x:.1f} {y - 5:.1f}v10" stroke="{colour}">'


def _certified(x: float, y: float, colour: str) -> str:
    return f'<path class="certified" d="M{x:.1f} {y - 5:.1f}l4 5-4 5-4-5z" stroke="{colour}">'


def _confirm(x: float, y: float, colour: str) -> str:
    return f'<circle class="confirm" cx="{x:.1f}" cy="{y:.1f}" r="3.4" stroke="{colour}">'


def _final(x: float, y: float, colour: str) -> str:
    return f'<circle class="final" cx="{x:.1f}" cy="{y:.1f}" r="4.6" fill="{colour}">'


def _crash(x: float, y: float, _: str) -> str:
    return f'<path class="crash" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8">'


def _start(x: float, y: float, _: str) -> str:
    return f'<path class="start" d="M{x - 3:.1f} {y - 4:.1f}l7 4-7 4z">'


def _clock(x: float, y: float, _: str) -> str:
    return f'<path class="clock" d="M{x - 4.5:.1f} {y:.1f}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0m4.5-3v3l2.4 1.6">'


def _byzantine(x: float, y: float, _: str) -> str:
    return f'<path class="byzantine" d="M{x - 5:.1f} {y + 4:.1f}l5-9 5 9z">'


def _contradiction(x: float, y: float, _: str) -> str:
    return f'<path class="contradiction" d="M{x + 2:.1f} {y - 6:.1f}l-5 7h4l-2 5 5-7h-4z">'


def _cut(x: float, y: float, _: str) -> str:
    return f'<rect class="cut" x="{x - 10:.1f}" y="{y - 5:.1f}" width="20" height="10" rx="2">'


def _heal(x: float, y: float, _: str) -> str:
    return f'<path class="heal" d="M{x:.1f} {y - 7:.1f}v14">'


def _slot(x: float, y: float, colour: str) -> str:
    return f'<rect class="slot" x="{x - 10:.1f}" y="{y - 7:.1f}" width="20" height="14" fill="{colour}">'


MARKS: dict[Kind, Mark] = {
    "slot": Mark("slot", "tinted cell: this node led the slot (known where it signed a block)", _slot, -1),
    "block": Mark("block", "the node signed a block; the colour is its producer's everywhere", _block, 11),
    "vote": Mark("vote", "voted for a block", _vote, 24),
    "certified": Mark("certified", "knew votes of more than two thirds", _certified, 31),
    "confirm": Mark("confirm", "confirmed: locked on the block", _confirm, 40),
    "final": Mark("final", "knew the block to be final, and told", _final, 50),
    "crash": Mark("crash", "crashed; hatched until it is started again", _crash, -1),
    "start": Mark("start", "started from what its disk had", _start, -1),
    "clock": Mark("clock", "its clock jumped or drifts", _clock, -1),
    "byzantine": Mark("byzantine", "a dishonest act", _byzantine, -1),
    "contradiction": Mark("contradiction", "saw two contradicting signatures of one delegate", _contradiction, -1),
    "cut": Mark("cut", "links cut: partition, one way, or with one node between", _cut, -1),
    "heal": Mark("heal", "all faults end; from here finality is owed", _heal, -1),
}
"""Ballots stand in the cell of the slot in which they were given, in the order of the protocol; the title has the time."""
