"""A wired node from its first task to its last."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.api.admin_server import AdminListenError, AdminServer
from p2pchain.daemon.hangup import reload_on_hangup
from p2pchain.daemon.wiring import Node, unix_ms
from p2pchain.node.condition import describe_condition
from p2pchain.node.room import Room
from p2pchain.runtime.service_manager import ServiceManager
from p2pchain.storage import (
    mapped,
)

STATUS_S = 5.0
ROOM_S = 1.0
"""Between two looks at the room on disk: at 500 MB a second, what a disk may take, 1% of 50 GB lasts as long."""
_ROOM_STEPS = 100
"""The engine is told of a change by this part of what is low: often enough for the status, seldom enough to cost nothing."""
ALIVE_S = 10.0
"""A loop that finished no event for so long is stuck: the watchdog is not told otherwise."""


@contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """The process id, for `stop` and `status`; written whole or not at all, gone when the process ends in order."""
    temporary = path.with_suffix(".new")
    with mapped("writing", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f"{os.getpid()}\n")
        temporary.replace(path)
    try:
        yield
    finally:
        with mapped("removing", path):
            path.unlink(missing_ok=True)


async def live(node: Node) -> None:
    """The node's life: the way up, then everything side by side until a signal."""
    manager = ServiceManager.from_environment(os.environ)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, nursery.cancel_scope, manager, node.logger)
        nursery.start_soon(_stop_when_over, nursery.cancel_scope, manager, node)
        nursery.start_soon(node.loop.run)
        nursery.start_soon(_look_at_room, node)
        nursery.start_soon(reload_on_hangup, node.knobs, manager, nursery.cancel_scope)
        await nursery.start(node.network.run)
        # before the first question: what this node accepted, it must never call unknown
        await node.loop.restore_pool()
        if node.api is not None:
            await nursery.start(node.api.run)
        if node.admin is not None:
            await nursery.start(_serve_operator, node.admin, node.logger)
        manager.ready(_condition(node))
        nursery.start_soon(_report, node, manager)
        if manager.watchdog_interval_s is not None:
            nursery.start_soon(_watch, node, manager, manager.watchdog_interval_s)


async def _serve_operator(
    admin: AdminServer, logger: FilteringBoundLogger, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    reason = ""
    try:
        await admin.run(task_status)
    except AdminListenError as error:
        reason = str(error)
    if reason:
        logger.error("no socket for the operator", reason=reason)
        task_status.started()


async def _stop_on_signal(scope: trio.CancelScope, manager: ServiceManager, logger: FilteringBoundLogger) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            logger.info("stopping", signal=signal.Signals(number).name)
            manager.stopping()
            scope.cancel()
            return


async def _stop_when_over(scope: trio.CancelScope, manager: ServiceManager, node: Node) -> None:
    await node.ending.has_come.wait()
    node.logger.info("stopping", reason=node.ending.reason)
    manager.stopping()
    scope.cancel()


async def _look_at_room(node: Node) -> None:
    """Tell the engine, which stops producing first; end in order before nothing can be written any more."""
    told: Room | None = None
    while True:
        room = node.room()
        if room.is_over:
            node.logger.critical("no room on disk", **room._asdict())
            node.ending.fill(room)
            return
        if told is None or abs(room.free_bytes - told.free_bytes) > room.low_bytes // _ROOM_STEPS:
            await node.loop.room_measured(room)
            told = room
        await trio.sleep(ROOM_S)


async def _report(node: Node, manager: ServiceManager) -> None:
    """The service manager's line of status."""
    while True:
        await trio.sleep(STATUS_S)
        manager.status(_condition(node))


async def _watch(node: Node, manager: ServiceManager, interval_s: float) -> None:
    """Tell the watchdog that the loop turns; a stuck loop is the service manager's to end."""
    while True:
        if time.monotonic() - node.loop.alive_at < ALIVE_S:
            manager.watchdog()
        await trio.sleep(interval_s)


def _condition(node: Node) -> str:
    core = node.loop.engine.core
    text = describe_condition(node.loop.engine, core.spec.slot_at(unix_ms()))
    return f"final {core.tree.root.height}, head {core.head.height}, {len(core.peers)} peers; {text}"
