"""What a run is asked to be, and the refusal of what cannot be."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from p2pchain.sim.faults import BYZANTINE, FAULTS, Fault
from p2pchain.sim.tolerance import tolerated

NODES_MAX = 101
"""As many as may be active delegates."""
SLOTS_MAX = 10_000_000
ALL = "all"
NONE = "none"


class BadOption(ValueError):  # noqa: N818  (as click's words are)
    """An impossible world: `option` says which word of the command is to blame."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option


@dataclass(frozen=True, slots=True)
class Options:
    """One run.  The same options give the same run."""

    seed: int
    nodes: int = 4
    slots: int = 100
    faults: frozenset[str] | None = frozenset()
    """Exactly these exist; None where the seed draws from all of them."""
    crashed: int = 0
    """Nodes that never start."""
    liars: int = 0
    """Dishonest delegates; 0 where the seed draws as many as the network tolerates."""

    def __post_init__(self) -> None:
        _within("--seed", self.seed, 0, 2**63 - 1)
        _within("--nodes", self.nodes, 1, NODES_MAX)
        _within("--slots", self.slots, 1, SLOTS_MAX)
        if self.crashed > self.nodes:
            raise BadOption("--crashed", f"{self.crashed} of {self.nodes} nodes cannot be down, at most {self.nodes} wanted")
        _within("--crashed", self.crashed, 0, self.nodes)
        _within("--liars", self.liars, 0, self.nodes - self.crashed)
        named = [find_fault(name) for name in sorted(self.faults or ())]
        for fault in named:
            self._validate_fault(fault)
        if self.liars and self.faults is not None and not any(fault.group == BYZANTINE for fault in named):
            raise BadOption("--liars", f"{self.liars} delegates cannot be dishonest without a strategy among the faults")

    @property
    def spendable(self) -> int:
        """Delegates that may be struck by what they do not get over by themselves."""
        return max(self.liars, tolerated(self.nodes) - self.crashed)

    @property
    def is_beyond(self) -> bool:
        """More dishonest delegates than a chain can bear: it may split, and then they must be found out (S2)."""
        return self.liars > max(0, tolerated(self.nodes) - self.crashed)

    def _validate_fault(self, fault: Fault) -> None:
        left = self.spendable
        if fault.spends_tolerance and left < 1:
            most = tolerated(self.nodes)
            raise BadOption(
                "--faults",
                f"{fault.name} takes a delegate that the others can do without; {self.nodes} nodes with {self.crashed} of them down "
                f"have none ({most} tolerated in all)",
            )

    def command(self) -> str:
        """The one command that gives this run again."""
        faults = ALL if self.faults is None else ",".join(sorted(self.faults)) or NONE
        text = f"p2pchain sim --seed {self.seed} --nodes {self.nodes} --slots {self.slots} --faults {faults}"
        return text + more_terms(self.crashed, self.liars)


def more_terms(crashed: int, liars: int) -> str:
    """The words of a command that are left out where they say nothing."""
    return (f" --crashed {crashed}" if crashed else "") + (f" --liars {liars}" if liars else "")


def parse_faults(text: str) -> frozenset[str] | None:
    """`all`, `none`, or names with commas between them; a name of a group stands for all that is in it."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == [ALL]:
        return None
    if words == [NONE]:
        return frozenset()
    if not words:
        raise BadOption("--faults", f"found no name, wanted {ALL}, {NONE}, or names with commas between them")
    groups = {fault.group for fault in FAULTS.values()}
    names: set[str] = set()
    for word in words:
        names |= {fault.name for fault in FAULTS.values() if fault.group == word} if word in groups else {find_fault(word).name}
    return frozenset(names)


def find_fault(name: str) -> Fault:
    """The fault of this name; `BadOption` names the nearest one."""
    fault = FAULTS.get(name)
    if fault is None:
        known = [*FAULTS, *sorted({each.group for each in FAULTS.values()}), ALL, NONE]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise BadOption("--faults", f"found {name!r}, which is no fault; did you mean {near[0]}? Known: {', '.join(known)}")
    return fault


def _within(option: str, found: int, low: int, high: int) -> None:
    if not low <= found <= high:
        raise BadOption(option, f"found {found}, wanted {low} to {high}")
