"""Signatures in other processes, in order; and work that may end the process that does it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from p2pchain.care.guarded import DiedError, guarded
from p2pchain.care.signatures import PIECE, SignatureWorkers, Signed, WorkerLostError
from p2pchain.chain.crypto import SignatureCheck
from p2pchain.storage import StorageError
from tests.fakes.chain import signer

KEY = signer(1)._key
MESSAGE = b"what is signed"
GOOD = SignatureCheck(bytes(KEY.verify_key), MESSAGE, KEY.sign(MESSAGE).signature)
BAD = GOOD._replace(message=b"something else")


def _items(*counts: int) -> list[Signed[int]]:
    """Every seventh item has a bad signature, its last."""
    return [Signed(number, [GOOD] * (count - 1) + [_last(number)] if count else []) for number, count in enumerate(counts)]


def _last(number: int) -> SignatureCheck:
    return BAD if number % 7 == 3 else GOOD


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_items_come_out_in_order_with_their_own_answers_whoever_checked_them(jobs: int) -> None:
    items = _items(1, 0, 300, 5, PIECE, PIECE + 1, 0, 40, 2, 600, 7, 3)
    with SignatureWorkers(jobs, inline_first=0) as workers:
        found = list(workers.check(iter(items)))
    assert [value for value, _ in found] == list(range(len(items)))
    assert [answers for _, answers in found] == [[check is GOOD for check in item.checks] for item in items]


def test_a_few_signatures_are_worth_no_process() -> None:
    with SignatureWorkers(2) as workers:
        assert [all(answers) for _, answers in workers.check(_items(20, 30))] == [True, True]
        assert not workers._workers


def test_items_are_not_taken_further_ahead_than_the_pipes_hold() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield Signed(taken, [GOOD] * PIECE)

    with SignatureWorkers(1, inline_first=0) as workers:
        next(workers.check(endless()))  # type: ignore[arg-type]  # a generator of the items
        assert taken <= workers._workers[0].ahead + 1


def test_a_lost_process_is_told_and_not_waited_for() -> None:
    with SignatureWorkers(1, inline_first=0) as workers:
        answers = workers.check(_items(*[PIECE] * 100))
        next(answers)
        workers._workers[0].process.kill()
        with pytest.raises(WorkerLostError, match="status -9"):
            list(answers)


def test_guarded_work_returns_its_value_or_raises_its_error() -> None:
    assert guarded(lambda: (os.getpid() != os.getppid(), Path("a"))) == (True, Path("a"))

    def refuse() -> None:
        raise StorageError("the disk")

    with pytest.raises(StorageError, match="the disk"):
        guarded(refuse)


def test_guarded_work_that_ends_its_process_ends_no_other() -> None:
    with pytest.raises(DiedError, match="SIGKILL"):
        guarded(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(DiedError, match="status 3"):
        guarded(lambda: os._exit(3))
