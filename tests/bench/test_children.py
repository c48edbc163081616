from __future__ import annotations

import os
import subprocess
import sys

import pytest

from p2pchain.bench.children import Child
from p2pchain.bench.errors import NotMeasured

WORKER = "p2pchain.bench.verify_child"


def test_a_child_does_as_told_and_is_gone_afterwards() -> None:
    with Child(WORKER) as child:
        child.send({"make": 3, "seed": 1})
        assert child.receive() == {"made": 3}
        pid = child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_fails_is_no_figure(capfd: pytest.CaptureFixture[str]) -> None:
    with Child(WORKER) as child:
        child.send({"nonsense": True})
        with pytest.raises(NotMeasured, match="ended with exit status 1"):
            child.receive()
    capfd.readouterr()


def test_a_child_ends_in_the_middle_of_its_work_when_nobody_waits_for_it() -> None:
    """As if the benchmark had been killed: the child's input ends, and it has a minute of work before it."""
    child = subprocess.Popen([sys.executable, "-m", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b'{"make": 3, "seed": 1}\n')
    child.stdin.flush()
    child.stdout.readline()
    child.stdin.write(b'{"seconds": 60}\n')
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()
