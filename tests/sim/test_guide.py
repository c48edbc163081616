import re

from p2pchain.cli.sim import sim
from p2pchain.sim.faults import FAULTS
from tests.sim.guide import GUIDE, rewritten

TEXT = GUIDE.read_text(encoding="utf-8")


def test_the_tables_of_the_guide_are_what_the_simulator_knows() -> None:
    assert rewritten(TEXT) == TEXT, "write them anew: .venv/bin/python -m tests.sim.guide"


def test_a_fault_that_is_missing_is_noticed() -> None:
    row = next(line for line in TEXT.splitlines(keepends=True) if line.startswith(f"| `{next(iter(FAULTS))}`"))
    assert rewritten(TEXT.replace(row, "")) == TEXT


def test_every_option_is_explained_and_none_that_does_not_exist() -> None:
    known = {option for parameter in sim.params for option in parameter.opts}
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert named == known - {"--help"}
