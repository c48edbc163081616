"""Ctrl-C, SIGTERM and SIGHUP end a benchmark by one exception, and cannot disturb what clears up behind it.

The exception is Python's own of Ctrl-C, because Trio knows how to let it through.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_OTHERS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """As long as it is open, SIGTERM and SIGHUP are as Ctrl-C, which works also where the shell had it ignored."""
    before = {number: signal.signal(number, _as_ctrl_c) for number in _OTHERS}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_signals() -> Iterator[None]:
    """As long as it is open, nothing interrupts: it must be short."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *_OTHERS)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)
