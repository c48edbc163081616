"""Dishonest delegates: each module is one strategy, `STRATEGIES` lists them, `interface` says what one may do.

Strategies decide what a dishonest node says; they never touch another node, the agenda or the checkers.
"""

from __future__ import annotations

from p2pchain.sim.byzantine.double_vote import DoubleVote
from p2pchain.sim.byzantine.equivocate import Equivocate
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.sim.byzantine.withhold import Withhold

STRATEGIES: dict[str, type[Strategy]] = {strategy.NAME: strategy for strategy in (Equivocate, DoubleVote, Withhold)}
