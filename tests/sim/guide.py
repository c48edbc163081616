"""Tables of docs/simulator.md from what the simulator knows; `.venv/bin/python -m tests.sim.guide` writes them anew."""

import re
from collections.abc import Iterable
from pathlib import Path

from p2pchain.sim.faults import FAULTS
from p2pchain.sim.markers import MARKERS, MARKERS_BEYOND

GUIDE = Path(__file__).parents[2] / "docs" / "simulator.md"


def rewritten(text: str) -> str:
    """The guide with its tables as they should be."""
    faults = ((f"`{fault.name}`{' *' if fault.spends_tolerance else ''}", fault.group, _flat(fault.doc)) for fault in FAULTS.values())
    text = _replace(text, "faults", _table(("fault", "group", "what happens"), faults))
    markers = ((f"`{name}`", words) for name, words in (MARKERS | MARKERS_BEYOND).items())
    return _replace(text, "markers", _table(("marker", "reached when"), markers))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _replace(text: str, name: str, table: str) -> str:
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert pattern.search(text), f"found no place for the {name} in {GUIDE}"
    return pattern.sub(lambda match: match[1] + table + match[2], text)


if __name__ == "__main__":
    GUIDE.write_text(rewritten(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
