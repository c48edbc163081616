"""The terms in force: protocol version and parameters, as a row of the state.

The terms that judge a block are those in its parent's state, like the set that governs it: two nodes that know one
parent agree on them, whatever else they know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from p2pchain.chain.params import Params
from p2pchain.chain.state import Table, View

PROTOCOL = 1
"""The newest version of the rules that this code knows; every network begins with version 1."""


class TermsRow(NamedTuple):
    """What is stored."""

    version: int
    params: tuple[int, ...]
    """In the order of `Params`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules above a block, as far as a network can change them."""

    version: int
    params: Params

    def row(self) -> TermsRow:
        return TermsRow(self.version, self.params.to_value())


TERMS = Table(b"P", TermsRow)
"""One row, written by the genesis and by the blocks at which terms change."""


def load_terms(view: View) -> Terms:
    """The terms in force above the block that `view` is the state of."""
    row = TERMS.load(view)
    assert row is not None, "the terms row is written by the genesis"
    return Terms(row.version, Params(*row.params))
