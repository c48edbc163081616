"""What an operator orders of a running node, over the Unix socket in its home."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from p2pchain.client.answers import Json
from p2pchain.client.http_door import HttpDoor

TIMEOUT_S = 10.0


class AdminClient:
    """Calls to the node whose socket is at `path`.  Raises `NodeError` and `NodeUnreachableError`."""

    def __init__(self, path: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._door = HttpDoor("http://node", timeout_s, socket=path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._door.close()

    def banned(self) -> Json:
        """Who is shut out, how long still, and why."""
        return cast("Json", self._door.get("/v1/bans"))

    def ban(self, who: str, duration_s: int, why: str = "") -> Json:
        """`who` is a node key in hex or an address."""
        return cast("Json", self._door.post("/v1/bans", _body(who=who, duration_s=duration_s, why=why), "application/json"))

    def unban(self, who: str) -> Json:
        return cast("Json", self._door.delete(f"/v1/bans/{who}"))

    def set_production(self, *, paused: bool) -> Json:
        """Whether the node's delegate leaves its slots empty."""
        return cast("Json", self._door.put("/v1/production", _body(paused=paused), "application/json"))

    def reload_config(self) -> Json:
        """What changed, what needs a restart, what is as it was; `NodeError` `bad_config` with all mistakes, and nothing changed."""
        return cast("Json", self._door.post("/v1/config/reload", b"{}", "application/json"))

    def config(self) -> Json:
        """Every key's value as the node has it now."""
        return cast("Json", self._door.get("/v1/config"))

    def set_log_level(self, level: str) -> Json:
        """Until the next start or reload."""
        return cast("Json", self._door.put("/v1/log", _body(level=level), "application/json"))


def _body(**fields: str | int | bool) -> bytes:
    return json.dumps(fields).encode()
