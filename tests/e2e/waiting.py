import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_S = 0.05


def wait_until(question: Callable[[], T | None], deadline_s: float, what: str) -> T:
    """The first answer that is true.

    This is the one place of these tests that sleeps: processes under test tell nobody but who asks, so between two
    questions there is nothing to do but wait.
    """
    end = time.monotonic() + deadline_s
    while not (answer := question()):
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
        time.sleep(_PAUSE_S)
    return answer


def never_within(question: Callable[[], object], seconds: float, what: str) -> None:
    """The claim that something does not happen for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not question(), what
        time.sleep(_PAUSE_S)
