"""How a link with a node ended, as the bad peer saw it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from p2pchain.wire.errors import Reason


class Silent(Enum):
    """An ending without a goodbye."""

    CLOSED = "closed without a word"
    HELD = "still connected in the end"
    BROKE_RULES = "the node itself broke the protocol"
    """Never right, whatever was done to it."""


Answer: TypeAlias = "Reason | Silent | int"
"""An integer is the number of a reason that this version does not know."""


class Ending(NamedTuple):
    """One link's ending."""

    answer: Answer
    text: str
    after_s: float
    """From the first byte of the connection."""


class Count(NamedTuple):
    """All endings of one campaign with the same answer."""

    times: int
    text: str
    """Of the first of them."""
    slowest_s: float


def answer_of(number: int) -> Answer:
    """The reason of a goodbye; a node of a later version may know more of them."""
    return Reason(number) if number in set(Reason) else number


def name_of(answer: Answer) -> str:
    """For people and for JSON."""
    match answer:
        case Reason():
            return answer.name.lower()
        case Silent():
            return answer.name.lower()
        case _:
            return f"reason_{answer}"
