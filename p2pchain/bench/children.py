"""A part of a benchmark in a process of its own: orders go in and reports come out, a line of JSON each.

The child ends when its orders end, so none outlives the benchmark, however that ends.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

from p2pchain.bench.errors import NotMeasured

Json: TypeAlias = dict[str, Any]
Report = Callable[[Json], None]
_END_S = 5.0


class Child:
    """`python -m MODULE`, which calls `serve`."""

    def __init__(self, module: str) -> None:
        self._module = module
        # A session of its own: Ctrl-C is for the benchmark, which tells its children by closing their input.
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - ourselves

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, order: Json) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended: `receive` says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> Json:
        """The next report; `NotMeasured` where the child fails or ends instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotMeasured(f"{self._module} ended with exit status {self._process.wait(_END_S)} before it had reported")
        report: Json = json.loads(line)
        if "failure" in report:
            raise NotMeasured(str(report["failure"]))
        return report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(handle: Callable[[Json, Report], None]) -> None:
    """In the child: `handle` each order until there are no more, or the parent is gone."""
    orders: queue.Queue[Json] = queue.Queue(maxsize=16)
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        try:
            handle(orders.get(), _report)
        except NotMeasured as failure:
            _report({"failure": str(failure)})


def _read_orders(orders: queue.Queue[Json]) -> None:
    for line in _lines():
        orders.put(json.loads(line))
    # Whatever is being measured, nobody waits for it any more; no exception would reach the thread that measures.
    os._exit(0)


def _lines() -> Iterator[bytes]:
    """Unbuffered: a thread that waits within a buffer would hold its lock when the process ends."""
    with open(0, "rb", buffering=0, closefd=False) as orders:
        yield from iter(orders.readline, b"")


def _report(report: Json) -> None:
    try:
        sys.stdout.buffer.write(json.dumps(report).encode() + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)
