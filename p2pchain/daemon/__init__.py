"""The composition root: the one place where everything is wired.

`wiring` makes a node of its configuration, `life` runs it, `ending` says how it ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.genesis import Genesis
from p2pchain.config import Config
from p2pchain.daemon.ending import EXIT_PROTOCOL, EXIT_STORAGE, CannotStartError, exit_code, start_errors, tell
from p2pchain.daemon.life import live, pid_file
from p2pchain.daemon.wiring import wire
from p2pchain.log import configure_logging
from p2pchain.storage import StorageError

__all__ = ["EXIT_PROTOCOL", "run_daemon"]


def run_daemon(config: Config, genesis: Genesis, reload: Callable[[], Config]) -> int:
    """Run one node until SIGTERM or SIGINT; returns the exit code.  `reload` reads the configuration again, from where `config` came."""
    configure_logging(config.log.format, config.log.level, sys.stderr)
    logger: FilteringBoundLogger = structlog.get_logger()
    try:
        with start_errors(), ExitStack() as stack:
            node = wire(config, genesis, stack, logger, reload)
            stack.enter_context(pid_file(config.home.data / "node.pid"))
            trio.run(live, node, restrict_keyboard_interrupt_to_checkpoints=True)
    except CannotStartError as error:
        tell(str(error))
        return error.exit_code
    except StorageError as error:
        logger.critical("storage failed, nothing more is signed", reason=str(error))
        return EXIT_STORAGE
    logger.info("stopped")
    return exit_code(node.ending)
