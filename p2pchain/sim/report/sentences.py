"""What a tooltip says about a block or a moment."""

from __future__ import annotations

from p2pchain.sim.report.story import Block, Story
from p2pchain.sim.report.wording import listed, seconds
from p2pchain.sim.timeline import Kind, Moment

_SENTENCES: dict[Kind, str] = {
    "block": "{who} signs {block} {at}",
    "vote": "{who} votes for {block} {at}",
    "certified": "{who} stores the certificate of {block} {at}",
    "confirm": "{who} confirms {block} {at}",
    "final": "{who} tells that {block} is final, {at}{late}",
    "crash": "{who} crashes {at}",
    "start": "{who} starts at height {height} {at}",
    "clock": "the clock of {who} goes by {by_ms} ms {at}",
    "contradiction": "{who} sees two contradicting signatures ({what}) of slot {of_slot} {at}",
}
"""The rest is told by its fields."""


class _Fields(dict[str, object]):
    """A moment may lack any field."""

    def __missing__(self, _: str) -> str:
        return "?"


def moment_words(story: Story, moment: Moment) -> str:
    """One sentence."""
    fields = _Fields(moment.fields)
    at = f"at {seconds(moment.ms)}, {moment.ms - (moment.slot - 1) * story.slot_ms} ms into slot {moment.slot}"
    if moment.kind not in _SENTENCES:
        return f"node {moment.node}: {moment.kind} {listed(moment.fields)} {at}"
    if moment.fields.get("broken"):
        return f"node {moment.node} ends by an error of its own {at}"
    found = moment.fields.get("block")
    about = f"block {found}" if found else "a block"
    of_slot = fields["of_slot"]
    late = f"; {_late(story, moment.ms, of_slot):.2f} slots after its slot began" if isinstance(of_slot, int) else ""
    fields.update(who=f"node {moment.node}", at=at, late=late, block=f"{about} of slot {of_slot} (height {fields['height']})")
    return _SENTENCES[moment.kind].format_map(fields)


def block_words(story: Story, block: Block) -> str:
    leader = story.leaders.get(block.slot)
    by = "of an unknown producer" if leader is None else f"by node {leader}"
    siblings = len(story.blocks_of(block.slot))
    rival = f", number {block.rival + 1} of {siblings} blocks in this slot" if siblings > 1 else ""
    lines = [f"block {block.hash or '(nobody but its producer spoke of it)'} {by}: slot {block.slot}, height {block.height}{rival}"]
    if block.certified_ms is not None:
        lines.append(f"first known as certified at {seconds(block.certified_ms)}")
    if block.final_ms is None:
        lines.append("never became final")
    else:
        lines.append(f"first final at {seconds(block.final_ms)}, {latency_slots(story, block):.2f} slots after its slot began")
        lines.append(f"told by {len(block.final_nodes)} nodes")
    return "\n".join(lines)


def latency_slots(story: Story, block: Block) -> float:
    """From the beginning of its slot until the first node told that it is final."""
    assert block.final_ms is not None, "not final"
    return _late(story, block.final_ms, block.slot)


def _late(story: Story, ms: int, of_slot: int) -> float:
    return ms / story.slot_ms - (of_slot - 1)
