"""Looking for the highest load that is borne: up by steps until one is not (or down by halves until one is), then between
the last two.
"""

from __future__ import annotations

from collections.abc import Callable

BISECTIONS = 2
UP = 1.25
_STEPS_MAX = 40
"""Up from one a second this often is more than seven thousand; down from a million by halves is less than one."""


def find_highest(first: float, is_borne: Callable[[float], bool]) -> float | None:
    """`is_borne` tries one rate: what was borne is believed, what was not is not tried again.  None where nothing was."""
    rate, goes_up = first, is_borne(first)
    for _ in range(_STEPS_MAX):
        following = rate * UP if goes_up else rate / 2
        if following < 1:
            return None
        if is_borne(following) is not goes_up:
            return _between(min(rate, following), max(rate, following), is_borne)
        rate = following
    return rate if goes_up else None


def _between(borne: float, too_much: float, is_borne: Callable[[float], bool]) -> float:
    for _ in range(BISECTIONS):
        middle = (borne + too_much) / 2
        if is_borne(middle):
            borne = middle
        else:
            too_much = middle
    return borne
