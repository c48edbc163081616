"""What a page tells, read from the moments of a run: its blocks, what was down, what was cut, how far finality was.

A moment knows a block by its slot, height and the beginning of its hash; who produced it is who signed a block for that
slot.  Moments come in order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from p2pchain.sim.timeline import Moment

SLOT_MS_ASSUMED = 500
"""Where a run has no second slot to measure one by."""
CUTS = ("partition", "oneway", "bridge", "blink", "favour")
"""A cut's cause modulo their number says which fault it is of (see `network_faults`)."""
_BALLOTS = frozenset({"vote", "confirm", "certified", "final"})


@dataclass(slots=True)
class Block:
    """A block that somebody signed, voted on or heard of."""

    slot: int
    height: int
    hash: str
    """Its first digits; empty where nobody but its producer ever spoke of it."""
    rival: int
    """0 for the first block of its slot, 1 for the second ..."""
    signed_ms: int | None = None
    certified_ms: int | None = None
    final_ms: int | None = None
    final_nodes: set[int] = field(default_factory=set)


class Span(NamedTuple):
    """From when until when, in words."""

    start_ms: int
    end_ms: int
    words: str


class Step(NamedTuple):
    """The final height of the furthest and of the last node that is up."""

    ms: int
    most: int
    least: int


@dataclass(slots=True)
class Story:
    """One run."""

    slot_ms: int
    slots: int
    nodes: int
    """Rows: copies of dishonest nodes have rows of their own."""
    blocks: list[Block] = field(default_factory=list)
    leaders: dict[int, int] = field(default_factory=dict)
    """By slot, where known."""
    down: dict[int, list[Span]] = field(default_factory=dict)
    cuts: list[Span] = field(default_factory=list)
    healed_ms: int | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def end_ms(self) -> int:
        return self.slots * self.slot_ms

    def block_of(self, moment: Moment) -> Block | None:
        """The block that a ballot, a certificate or finality is about."""
        found = str(moment.fields.get("block", ""))
        slot = moment.fields.get("of_slot")
        return next((block for block in self.blocks_of(slot) if block.hash == found), None)

    def blocks_of(self, slot: object) -> list[Block]:
        return self._by_slot.get(slot, [])

    _by_slot: dict[object, list[Block]] = field(default_factory=dict)

    def meet(self, slot: int, height: int, found: str) -> Block:
        """The block of this slot and hash; new where nobody knew it."""
        known = self.blocks_of(slot)
        for block in known:
            if block.hash == found or (not block.hash and block.height == height):
                block.hash = found
                return block
        block = Block(slot, height, found, len(known))
        self._by_slot.setdefault(slot, []).append(block)
        self.blocks.append(block)
        return block


def read_story(moments: Sequence[Moment], *, nodes: int, slots: int) -> Story:
    rows = max([nodes, *(moment.node + 1 for moment in moments)])
    story = Story(_slot_ms(moments), slots, rows)
    _read_blocks(story, moments)
    _read_spans(story, moments)
    _read_steps(story, moments)
    return story


def _slot_ms(moments: Sequence[Moment]) -> int:
    starts = [moment.ms for moment in moments if moment.kind == "slot"][:2]
    return starts[1] - starts[0] if len(starts) > 1 else SLOT_MS_ASSUMED


def _read_blocks(story: Story, moments: Sequence[Moment]) -> None:
    for moment in moments:
        slot, height = moment.fields.get("of_slot"), moment.fields.get("height")
        if moment.kind == "slot" and isinstance(moment.fields.get("leader"), int):
            story.leaders[moment.slot] = int(moment.fields["leader"])
        if not isinstance(slot, int) or not isinstance(height, int):
            continue
        if moment.kind == "block":
            story.leaders.setdefault(slot, moment.node)
            block = story.meet(slot, height, str(moment.fields.get("block", "")))
            block.signed_ms = moment.ms
        elif moment.kind in _BALLOTS:
            block = story.meet(slot, height, str(moment.fields.get("block", "")))
            if moment.kind == "certified" and block.certified_ms is None:
                block.certified_ms = moment.ms
            if moment.kind == "final":
                block.final_ms = moment.ms if block.final_ms is None else block.final_ms
                block.final_nodes.add(moment.node)


def _read_spans(story: Story, moments: Sequence[Moment]) -> None:
    down: dict[int, Moment] = {}
    cut: dict[int, Moment] = {}
    for moment in moments:
        cause = moment.fields.get("cause")
        if moment.kind == "crash":
            down.setdefault(moment.node, moment)
        elif moment.kind == "start" and moment.node in down:
            _end_down(story, down.pop(moment.node), moment.ms)
        elif moment.kind == "cut" and isinstance(cause, int):
            cut[cause] = moment
        elif moment.kind == "heal" and isinstance(cause, int) and cause in cut:
            _end_cut(story, cut.pop(cause), moment.ms)
        elif moment.kind == "heal" and "cause" not in moment.fields:
            story.healed_ms = moment.ms
            for open_cut in cut.values():
                _end_cut(story, open_cut, moment.ms)
            cut.clear()
    for crash in down.values():
        _end_down(story, crash, story.end_ms)
    for open_cut in cut.values():
        _end_cut(story, open_cut, story.end_ms)


def _end_down(story: Story, crash: Moment, end_ms: int) -> None:
    why = "ended by an error of its own" if crash.fields.get("broken") else "down"
    story.down.setdefault(crash.node, []).append(Span(crash.ms, end_ms, why))


def _end_cut(story: Story, cut: Moment, end_ms: int) -> None:
    kind = CUTS[int(cut.fields["cause"]) % len(CUTS)]
    story.cuts.append(Span(cut.ms, end_ms, f"{kind}: {cut.fields.get('ways', '?')} directions cut"))


def _read_steps(story: Story, moments: Sequence[Moment]) -> None:
    """Nodes that are down keep nobody back; one that comes back starts from what its disk has.  Those that never told of
    finality, as dishonest ones, are not counted.
    """
    heights: dict[int, int] = {}
    telling = {moment.node for moment in moments if moment.kind == "final"}
    story.steps.append(Step(0, 0, 0))
    for moment in moments:
        height = moment.fields.get("height")
        if moment.node not in telling:
            continue
        if moment.kind in {"final", "start"} and isinstance(height, int):
            heights[moment.node] = height if moment.kind == "start" else max(height, heights.get(moment.node, 0))
        elif moment.kind == "crash":
            heights.pop(moment.node, None)
        else:
            continue
        step = Step(moment.ms, max([story.steps[-1].most, *heights.values()]), min(heights.values(), default=story.steps[-1].least))
        if step[1:] != story.steps[-1][1:]:
            story.steps.append(step)
