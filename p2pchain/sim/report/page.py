"""The page around the picture: the result, what broke, what was reached, the legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2pchain.sim.markers import MARKERS
from p2pchain.sim.report.grid import CHAIN_ROW, FINAL, Grid
from p2pchain.sim.report.limits import CELLS_FULL
from p2pchain.sim.report.marks import MARKS, colour_of
from p2pchain.sim.report.picture import draw_picture, make_grid
from p2pchain.sim.report.story import Story, read_story
from p2pchain.sim.report.style import SCRIPT, STYLE
from p2pchain.sim.report.wording import escaped, name_of
from p2pchain.sim.run import Result
from p2pchain.sim.timeline import MOMENTS_MAX, Moment

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself then refuses to load anything."""
NAMES_WIDTH = 104
VIOLATIONS_SHOWN = 20


def draw_page(result: Result, moments: Sequence[Moment]) -> str:
    """The whole page; also well-formed XML."""
    story = read_story(moments, nodes=result.nodes, slots=result.slots)
    is_thin = story.nodes * story.slots > CELLS_FULL
    grid = make_grid(story, is_thin=is_thin)
    title = f"p2pchain sim, seed {result.seed}, {result.nodes} nodes"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>",
        *_header(result, story),
        *_violations(result),
        *_notes(moments, is_thin=is_thin),
        *_jumps(result, story, grid),
        f'<div class="frame"><div class="names">{_names(story, grid)}</div><div class="chart" tabindex="0">',
        draw_picture(story, moments, result.violations, grid, is_thin=is_thin),
        '</div></div><section class="pair">',
        *_legend(),
        *_markers(result),
        f"</section><script>{SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _header(result: Result, story: Story) -> Iterator[str]:
    bad = len(result.violations)
    verdict = ("bad", f"{bad} violation{'s' if bad > 1 else ''}") if bad else ("good", "no violation")
    latency = result.latency_slots
    forks = sum(block.rival > 0 for block in story.blocks)
    unfinal = sum(block.final_ms is None for block in story.blocks)
    facts = [
        ("nodes", result.nodes),
        (f"slots of {story.slot_ms} ms", result.slots),
        ("final height", result.final_height),
        ("blocks, of which never final", f"{len(story.blocks)}, {unfinal}"),
        ("rivals in one slot", forks),
        ("slots to finality once healed: p50, p99, max", f"{latency.p50:g}, {latency.p99:g}, {latency.max:g}"),
        ("seconds it took", f"{result.wall_s:g}"),
    ]
    yield f'<header class="card"><h1>A simulated network, seed {result.seed}<span class="verdict {verdict[0]}">{verdict[1]}</span></h1>'
    yield (
        '<div class="facts">'
        + "".join(f"<div><b>{escaped(value)}</b><span>{escaped(name)}</span></div>" for name, value in facts)
        + "</div>"
    )
    faults = "".join(f"<li>{escaped(name)}</li>" for name in result.faults) or '<li class="never">none</li>'
    yield f'<h2>Faults in this world</h2><ul class="chips">{faults}</ul>'
    yield f'<h2 style="margin-top:12px">Again with</h2><code class="command">{escaped(result.command)}</code>'
    yield f'<div class="quiet">trace <code class="trace">{escaped(result.trace)}</code> (the same on every machine)</div></header>'


def _violations(result: Result) -> Iterator[str]:
    if not result.violations:
        return
    yield '<section class="card violations"><h2>Violations: their slots are red in the picture</h2><ol>'
    for found in result.violations[:VIOLATIONS_SHOWN]:
        where = "the whole network" if found.node < 0 else f"node {found.node}"
        yield f"<li><b>{escaped(found.invariant)}</b> in slot {found.slot}, {where}: <code>{escaped(found.text)}</code></li>"
    yield "</ol>"
    if len(result.violations) > VIOLATIONS_SHOWN:
        yield f"and {len(result.violations) - VIOLATIONS_SHOWN} more"
    yield "</section>"


def _notes(moments: Sequence[Moment], *, is_thin: bool) -> Iterator[str]:
    notes = []
    if is_thin:
        notes.append(
            f"This run has more than {CELLS_FULL:,} cells, so votes, certificates, confirms and finality of each node are left out."
        )
    if len(moments) >= MOMENTS_MAX:
        notes.append(f"Only the first {MOMENTS_MAX:,} moments were recorded: what comes later is missing.")
    if not moments:
        notes.append("Nothing was recorded.")
    for note in notes:
        yield f'<section class="card note">{escaped(note)}</section>'


def _markers(result: Result) -> Iterator[str]:
    yield '<div class="card"><h2>Reached in this run, how often (dashed: not reached)</h2><ul class="chips">'
    for name, count in sorted(result.markers.items(), key=lambda each: not each[1]):
        look = "" if count else ' class="never"'
        number = f"<b>{count}</b>" if count else ""
        yield f'<li{look} title="{escaped(MARKERS.get(name, name))}">{escaped(name.replace("_", " "))}{number}</li>'
    yield "</ul></div>"


def _legend() -> Iterator[str]:
    yield '<div class="card"><h2>How to read it (point at a mark for its words)</h2><ul class="legend">'
    for mark in MARKS.values():
        drawn = mark.draw(14, 9, colour_of(0))
        yield f'<li><svg width="28" height="18">{drawn}</{name_of(drawn)}></svg>{escaped(mark.words)}</li>'
    for words, drawn in _chain_legend():
        yield f'<li><svg width="28" height="18">{drawn}</svg>{escaped(words)}</li>'
    yield "</ul></div>"


def _chain_legend() -> Iterator[tuple[str, str]]:
    box, colour = '<rect class="boxed {} x="1" y="2" width="26" height="14" rx="4"/>', colour_of(0)
    yield "chain: became final, with its height and slots to finality", box.format(f'final" fill="{colour}"')
    yield "chain: never became final; a, b: rivals of one slot", box.format(f'unfinal" stroke="{colour}"')
    yield "final height; red band: how far the last node is behind", '<path class="finalheight" d="M1 15h9v-5h9v-6h8"/>'
    yield "red column: an invariant did not hold in this slot", '<rect class="violated" x="9" y="0" width="10" height="18"/>'


def _jumps(result: Result, story: Story, grid: Grid) -> Iterator[str]:
    """Buttons for those who have scripts on."""
    places = [("begin", 0.0)]
    if result.violations:
        places.append(("first violation", float(grid.x_of_slot(max(1, min(violation.slot for violation in result.violations))))))
    lasting = [cut for cut in story.cuts if cut.end_ms - cut.start_ms > story.slot_ms]
    places += [(f"fork in slot {block.slot}", float(grid.x_of_slot(block.slot))) for block in story.blocks if block.rival == 1][:6]
    places += [(f"{words.split(':')[0]} in slot {start // story.slot_ms + 1}", grid.x_of_ms(start)) for start, _, words in lasting[:6]]
    if story.healed_ms is not None:
        places.append(("faults end", grid.x_of_ms(story.healed_ms)))
    places.append(("end", float(grid.width)))
    buttons = " ".join(f'<button type="button" data-x="{x:g}">{escaped(words)}</button>' for words, x in places)
    yield f'<section class="jumps" hidden="hidden">{buttons}</section>'


def _names(story: Story, grid: Grid) -> str:
    """The column of names, which stays where it is when the picture is scrolled."""
    right = NAMES_WIDTH - 10
    lanes = [
        ("slot", 14),
        ("chain", grid.chain_top + CHAIN_ROW // 2 + 2),
        ("final height", grid.final_top + FINAL // 2),
        ("cut links", grid.cuts_top + 13),
    ]
    parts = [f'<text class="lane" x="{right}" y="{y}">{name}</text>' for name, y in lanes]
    for node in range(story.nodes):
        middle = grid.y_of_node(node) + grid.row // 2
        parts.append(f'<rect x="12" y="{middle - 6}" width="12" height="12" rx="3" fill="{colour_of(node)}"/>')
        parts.append(f'<text class="nodename" x="{right}" y="{middle + 4}">node {node}</text>')
        parts.append(f'<path class="row" d="M0 {grid.y_of_node(node)}H{NAMES_WIDTH}"/>')
    return f'<svg width="{NAMES_WIDTH}" height="{grid.height}">{"".join(parts)}</svg>'
