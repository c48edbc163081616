"""The operator's Unix socket: HTTP for whoever may open the file, which is the owner of the home alone.

The folder is made with 0700 before the socket is bound in it, so that there is no moment in which others could connect.
Only one process can have the home, so a socket that is found there belongs to a node that is gone.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, cast

import trio

from p2pchain.api.admin import SETTINGS, AdminContext, make_admin_app
from p2pchain.api.connections import Connections
from p2pchain.api.server import hypercorn_config

_BACKLOG = 16
_FOLDER_MODE, _SOCKET_MODE = 0o700, 0o600


class AdminListenError(Exception):
    """There can be no socket; one line for the operator.  A node does without."""


class AdminServer:
    def __init__(self, path: Path, context: AdminContext) -> None:
        self._path = path
        self._connections = Connections(cast("Any", make_admin_app(context)), hypercorn_config(context.logger), SETTINGS, context.logger)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `AdminListenError` where it cannot listen."""
        listener = await self._listen()
        try:
            async with trio.open_nursery() as connections:
                task_status.started()
                await trio.serve_listeners(self._connections.serve, [listener], handler_nursery=connections)
        finally:
            listener.socket.close()
            self._path.unlink(missing_ok=True)

    async def _listen(self) -> trio.SocketListener:
        listening = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._make_room()
            await listening.bind(os.fspath(self._path))
            self._path.chmod(_SOCKET_MODE)
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise AdminListenError(f"{self._path}: {error.strerror or error}") from None
        except BaseException:
            listening.close()
            raise
        return trio.SocketListener(listening)

    def _make_room(self) -> None:
        folder = self._path.parent
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)
        if self._path.is_socket():
            self._path.unlink()
