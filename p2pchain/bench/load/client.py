"""The client as a benchmark holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from p2pchain.bench.children import Child
from p2pchain.bench.load.orders import Opening, Outcome, Rush, Rushed, Step, to_order


class Load:
    def __init__(self, child: Child) -> None:
        self._child = child

    def run(self, step: Step) -> Outcome:
        """One step, from signing to the last transfer that became final."""
        self._child.send(to_order(step))
        return Outcome(**self._child.receive())

    def rush(self, rush: Rush) -> Rushed:
        """As much as one connection takes."""
        self._child.send(to_order(rush))
        return Rushed(**self._child.receive())


@contextmanager
def open_load(opening: Opening) -> Iterator[Load]:
    with Child("p2pchain.bench.load.client_process") as child:
        child.send(to_order(opening))
        child.receive()
        yield Load(child)
