"""Ctrl-C, SIGTERM and SIGHUP as a flag that waiting code looks at.

No exception flies through the middle of a step, so a process that was just started is never lost.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Rest for so long, or until interrupted; whether it was."""
        return self._event.wait(seconds)

    def notice(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()


@contextmanager
def interruptions() -> Iterator[Interruption]:
    """As long as it is open, the signals are only noticed."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption.notice) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
