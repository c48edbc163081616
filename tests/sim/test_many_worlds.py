"""F1 in the test command: many small worlds, each with the faults that its seed draws.  `p2pchain sim --many` plays more of them."""

import pytest

from p2pchain.sim.options import Options
from p2pchain.sim.run import run

FIRST = 1_000
NODES = (4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 7)
"""Of the worlds of a batch."""
BATCHES = 16


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_invariant_breaks_in_a_batch_of_worlds(batch: int) -> None:
    first = FIRST + batch * len(NODES)
    results = [run(Options(first + place, nodes, 100, None)) for place, nodes in enumerate(NODES)]
    assert [(result.command, result.violations[:1]) for result in results if result.violations] == []
    assert all(result.final_height for result in results)
