"""How many requests each route answered, with which status, in what time: plain integers, zeros from the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answered:
    by_status: Counter[int] = field(default_factory=lambda: Counter({200: 0}))
    seconds: float = 0.0


class RequestTally:
    """Bounded by the routes that there are and the statuses that they answer with."""

    def __init__(self) -> None:
        self.routes: dict[str, Answered] = {}

    def open(self, routes: Iterable[str]) -> None:
        self.routes = {route: Answered() for route in routes}

    def add(self, route: str, status: int, seconds: float) -> None:
        answered = self.routes[route]
        answered.by_status[status] += 1
        answered.seconds += seconds
