"""Tasks in worker processes: each has its own pipe, so that one that dies or hangs costs its own task and no other.

(A pool of `concurrent.futures` breaks as a whole when one of its processes dies, and cannot end one that hangs.)
Workers are spawned, not forked; they ignore Ctrl-C, which is for the parent to act on, and end when the parent is gone.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

TICK_S = 0.5
_SPAWN = get_context("spawn")


class Task(NamedTuple):
    """What to call the worker's function with, and how long that may take."""

    argument: Any
    limit_s: float


class Done(NamedTuple):
    """What came of it."""

    argument: Any
    value: Any


class Lost(NamedTuple):
    """Nothing came of it, and why."""

    argument: Any
    reason: str


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    link: Connection
    task: Task | None = None
    deadline_s: float = 0.0

    def begin(self, task: Task) -> None:
        self.task = task
        self.deadline_s = time.monotonic() + task.limit_s
        self.link.send(task.argument)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.link.close()


def run_all(call: Callable[[Any], Any], tasks: Iterable[Task], jobs: int) -> Generator[Done | Lost | None, None, None]:
    """Answers as they come, and None where nothing came for a moment; closing the iterator ends all workers.

    `call` and its argument must be picklable.
    """
    waiting = iter(tasks)
    workers: list[_Worker] = []
    try:
        while True:
            _occupy(workers, waiting, call, jobs)
            if not any(worker.task for worker in workers):
                return
            answers: list[Done | Lost] = list(_collect(workers))
            yield from answers or (None,)
    finally:
        for worker in workers:
            worker.end()


def _occupy(workers: list[_Worker], waiting: Iterator[Task], call: Callable[[Any], Any], jobs: int) -> None:
    """Give every worker something to do, and start those that are missing, while there are tasks."""
    idle = [worker for worker in workers if worker.task is None]
    for _ in range(len(idle) + jobs - len(workers)):
        task = next(waiting, None)
        if task is None:
            return
        if idle:
            idle.pop().begin(task)
        else:
            worker = _start(call)
            workers.append(worker)
            worker.begin(task)


def _start(call: Callable[[Any], Any]) -> _Worker:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(call, theirs), daemon=True)
    # Ctrl-C goes to every process of the terminal: what is blocked here stays blocked in the child from its first moment.
    # The tracker unblocks it when it is started, so it comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Worker(process, ours)


def _collect(workers: list[_Worker]) -> Iterator[Done | Lost]:
    """Answers that are there, deaths and overruns; waits a moment for the first."""
    busy = [worker for worker in workers if worker.task]
    ready = set(wait([worker.link for worker in busy], TICK_S))
    now_s = time.monotonic()
    for worker in busy:
        assert worker.task is not None
        argument = worker.task.argument
        if worker.link in ready:
            answer = _receive(worker, argument)
        elif now_s > worker.deadline_s:
            answer = Lost(argument, f"took longer than {worker.task.limit_s:.0f} s and was ended")
        else:
            continue
        worker.task = None
        if isinstance(answer, Lost) or not worker.process.is_alive():
            workers.remove(worker)
            worker.end()
        yield answer


def _receive(worker: _Worker, argument: object) -> Done | Lost:
    try:
        is_done, value = worker.link.recv()
    except (EOFError, OSError):
        worker.process.join()
        return Lost(argument, f"its process ended with status {worker.process.exitcode}")
    return Done(argument, value) if is_done else Lost(argument, value)


def _serve(call: Callable[[Any], Any], link: Connection) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            argument = link.recv()
        except EOFError:
            return
        try:
            answer = (True, call(argument))
        except Exception:  # noqa: BLE001  (whatever it is, it is told as what came of this task)
            answer = (False, traceback.format_exc())
        try:
            link.send(answer)
        except BrokenPipeError:
            return
