"""SIGHUP: read the configuration again; but where it says that the node's terminal is gone, end in order.

A node in the foreground belongs to its terminal: without this it would live on unseen when the window is closed.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import trio

from p2pchain.api.ports import BadConfigError
from p2pchain.daemon.reloading import Knobs
from p2pchain.runtime.service_manager import ServiceManager


async def reload_on_hangup(knobs: Knobs, manager: ServiceManager, life: trio.CancelScope) -> None:
    """For ever; what is wrong with a configuration is in the log, and has changed nothing."""
    # nohup(1) ignores the signal: whoever started it so wants it to outlive the terminal
    had_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            if had_terminal and not has_terminal():
                manager.stopping()
                life.cancel()
                return
            with suppress(BadConfigError):
                knobs.reload()


def has_terminal() -> bool:
    """Whether this process has a controlling terminal; one that was hung up is none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
