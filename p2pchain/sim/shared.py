"""What all processes of a world have in common."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.mempool import Limits
from p2pchain.chain.params import ChainSpec
from p2pchain.sim.agenda import Agenda
from p2pchain.sim.links import Links
from p2pchain.sim.memo import Memo
from p2pchain.sim.watch import Watch


class Shared(NamedTuple):
    """One of each in a world."""

    agenda: Agenda
    links: Links
    memo: Memo
    watch: Watch
    spec: ChainSpec
    limits: Limits
