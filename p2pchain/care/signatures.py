"""Signatures checked in processes of their own, in order: what goes in first comes out first.

A signature costs more than reading and executing a transaction together, so this is what more cores are for.  Each worker has a
pipe of its own; as many pieces as it holds are handed over ahead, so that workers have something to do while this process executes,
and memory is bounded.  Workers ignore Ctrl-C, which is for this process to act on, and end with their pipe, however it ended.
"""

from __future__ import annotations

import fcntl
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from p2pchain.chain.crypto import SignatureCheck, verify_batch

T = TypeVar("T")

PIECE = 128
"""Signatures of transfers, with what they sign, are 40 KB: less than the least of pipes holds."""
PIPE_BYTES = 1 << 20
"""What Linux gives to anybody: 150 ms of work."""
PIPE_BYTES_MIN = 64 << 10
INLINE_FIRST = 2_000
"""So many are checked here before processes are begun: they take 0.3 s to start, and a small chain is checked by then."""
_SPAWN = get_context("spawn")


class WorkerLostError(Exception):
    """A process that checked signatures is gone."""


class Signed(NamedTuple, Generic[T]):
    """Something and its signatures."""

    value: T
    checks: Sequence[SignatureCheck]


class _Waiting(NamedTuple, Generic[T]):
    value: T
    wanted: int
    answers: list[bool]


class _Worker(NamedTuple):
    process: BaseProcess
    tasks: Connection
    answers: Connection
    ahead: int


class SignatureWorkers:
    """`jobs` processes, begun when there is enough to do; with none of them all is checked here."""

    def __init__(self, jobs: int, inline_first: int = INLINE_FIRST) -> None:
        self._jobs = jobs
        self._inline_left = inline_first
        self._workers: list[_Worker] = []
        self._pieces: deque[tuple[_Worker, list[bool]]] = deque()
        """Handed over and not answered, oldest first, and where the answer goes."""
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for worker in self._workers:
            worker.tasks.close()
            worker.answers.close()
            worker.process.kill()
            worker.process.join()
        self._workers, self._pieces = [], deque()

    def check(self, items: Iterable[Signed[T]]) -> Iterator[tuple[T, list[bool]]]:
        """Each with one answer a signature.  Items are taken ahead of their turn, as far as there is room for their signatures."""
        waiting: deque[_Waiting[T]] = deque()
        for value, checks in items:
            entry = _Waiting(value, len(checks), [])
            waiting.append(entry)
            if self._is_inline(len(checks)):
                entry.answers.extend(verify_batch(checks))
            else:
                self._hand_over(checks, entry.answers)
            while waiting and len(waiting[0].answers) == waiting[0].wanted:
                done = waiting.popleft()
                yield done.value, done.answers
        for entry in waiting:
            while len(entry.answers) < entry.wanted:
                self._take_answer()
            yield entry.value, entry.answers

    def _is_inline(self, count: int) -> bool:
        self._inline_left -= count
        return self._jobs == 0 or (self._inline_left >= 0 and not self._workers)

    def _hand_over(self, checks: Sequence[SignatureCheck], answers: list[bool]) -> None:
        if not self._workers:
            self._workers = [_start() for _ in range(self._jobs)]
        for start in range(0, len(checks), PIECE):
            worker = self._workers[self._turn % self._jobs]
            if len(self._pieces) >= worker.ahead * self._jobs:
                self._take_answer()
            try:
                worker.tasks.send([tuple(check) for check in checks[start : start + PIECE]])
            except OSError as error:
                raise _lost(worker) from error
            self._pieces.append((worker, answers))
            self._turn += 1

    def _take_answer(self) -> None:
        """The oldest.  Turns go round, so it is also the oldest of its worker."""
        worker, answers = self._pieces.popleft()
        try:
            answers.extend(map(bool, worker.answers.recv_bytes()))
        except (EOFError, OSError) as error:
            raise _lost(worker) from error


def _lost(worker: _Worker) -> WorkerLostError:
    worker.process.join()
    return WorkerLostError(f"a process that checked signatures ended with status {worker.process.exitcode}; run it again, with --jobs 0")


def _start() -> _Worker:
    their_tasks, tasks = _SPAWN.Pipe(duplex=False)
    answers, their_answers = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_serve, args=(their_tasks, their_answers), daemon=True)
    resource_tracker.ensure_running()
    # blocked here, so that it is blocked in the child from its first moment
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    their_tasks.close()
    their_answers.close()
    return _Worker(process, tasks, answers, max(2, _widen(tasks) // PIPE_BYTES_MIN))


def _widen(pipe: Connection) -> int:
    """Its size, as large as the system lets it be."""
    try:
        return fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (AttributeError, OSError):  # not Linux, or this user has too many wide pipes
        return PIPE_BYTES_MIN


def _serve(tasks: Connection, answers: Connection) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            piece = tasks.recv()
            answers.send_bytes(bytes(verify_batch(SignatureCheck(*check) for check in piece)))
        except (EOFError, OSError):
            return
