"""A piece of work in a process of its own, where whatever it reads may end it: LMDB trusts its own pages.

The child is forked, so the work may be any function; its result or its error comes back through a pipe.  The parent does nothing
meanwhile, and neither has other threads at that time.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import select
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ENDING_S = 2.0
_PART = 1 << 16


class DiedError(Exception):
    """The process that did it is gone, by which signal."""


def guarded(work: Callable[[], T], begin: Callable[[], object] = lambda: None) -> T:
    """What `work` returns or raises; both must be picklable.  `begin` is called first, in the child."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _do(begin, work, writing)
    os.close(writing)
    try:
        answer = b"".join(iter(lambda: os.read(reading, _PART), b""))
        _, status = os.waitpid(child, 0)
    except BaseException:
        # Ctrl-C went to the child as well: it may put the terminal in order before it ends, and then its pipe does
        select.select([reading], [], [], ENDING_S)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reading)
    if os.WIFSIGNALED(status):
        raise DiedError(signal.Signals(os.WTERMSIG(status)).name)
    if not answer:
        raise DiedError(f"status {os.waitstatus_to_exitcode(status)}")
    is_done, value = pickle.loads(answer)  # noqa: S301  (from our own child)
    if not is_done:
        raise value
    return value  # type: ignore[no-any-return]


def _do(begin: Callable[[], object], work: Callable[[], object], writing: int) -> None:
    """The life of the child: it never returns into the parent's code."""
    status = 1
    faulthandler.disable()  # how it ended is for the parent to tell
    try:
        begin()
        try:
            answer = (True, work())
        except Exception as error:  # noqa: BLE001  (whatever it is, the parent raises it)
            answer = (False, error)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)
