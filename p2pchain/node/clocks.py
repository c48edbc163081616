"""Whether this machine's clock agrees with those of the delegates, as the arrival of their ballots tells.

Nobody votes before a slot begins by its own clock, so a ballot that is here before its slot begins says that one of the
two clocks is wrong.  Up to f delegates may lie: what f + 1 of them say, an honest one says too.  A clock that is ahead
looks just as slow links do: all but f ballots come more than a slot late.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.params import ChainSpec
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Ballot

FRESH_MS = 60_000
"""For how long a ballot tells something about now: twice the pause between two heartbeats of an idle chain."""


class _Heard(NamedTuple):
    slot: int
    at_ms: int
    is_live: bool
    """The first one that is heard of a delegate may be an old one, told to a newcomer."""


class Clocks:
    """The newest ballot of each delegate with its arrival.  Bounded by `known`, whom `forget_strangers` keeps."""

    def __init__(self, spec: ChainSpec) -> None:
        self._spec = spec
        self._heard: dict[PublicKey, _Heard] = {}

    def hear(self, ballot: Ballot, now_ms: int) -> None:
        """Only the first ballot of a slot counts: those after it wait for others."""
        slot = ballot.subject.slot
        heard = self._heard.get(ballot.voter)
        if heard is None or slot > heard.slot:
            self._heard[ballot.voter] = _Heard(slot, now_ms, heard is not None)

    def forget_strangers(self, known: frozenset[PublicKey]) -> None:
        self._heard = {key: heard for key, heard in self._heard.items() if key in known}

    def offset_ms(self, now_ms: int, active: frozenset[PublicKey], own: PublicKey | None) -> int | None:
        """How far our clock is ahead of theirs (negative: behind), 0 where nothing speaks against it, None where too few were heard."""
        tolerated = len(active) - quorum(len(active))
        fresh = [heard for key, heard in self._heard.items() if key in active and key != own and self._is_fresh(heard, now_ms)]
        after = sorted(heard.at_ms - self._spec.slot_start_ms(heard.slot) for heard in fresh)
        if len(after) <= tolerated:
            return None
        if after[tolerated] < 0:
            return after[tolerated]
        return max(0, after[min(tolerated, len(after) - 1 - tolerated)] - self._spec.slot_ms)

    @staticmethod
    def _is_fresh(heard: _Heard, now_ms: int) -> bool:
        return heard.is_live and now_ms - heard.at_ms <= FRESH_MS
