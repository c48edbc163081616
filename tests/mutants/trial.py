"""One mutant on trial: a copy of the source, the change, and the tests that are named for it, then all quick ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import ROOT, Mutant

TIMEOUT_S = 600
"""A mutant that hangs is caught: the suite would not end."""
CONTROL_TIMEOUT_S = 3_600
"""All named tests one after the other, beside the trials."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")


class Outcome(NamedTuple):
    name: str
    caught_by: str
    """The first test that failed; empty where the mutant survived."""
    by_its_own_tests: bool
    seconds: float


@contextmanager
def copy_of_source() -> Iterator[Path]:
    """A folder of its own with everything that the tests read."""
    with tempfile.TemporaryDirectory(prefix="p2pchain-mutant-") as folder:
        root = Path(folder) / "source"
        shutil.copytree(ROOT, root, ignore=_LEFT_OUT)
        yield root


def first_failure(root: Path, selection: Sequence[str], timeout_s: int = TIMEOUT_S) -> str:
    """The first test that fails in a copy, or an empty text where all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not e2e", *selection]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"nothing within {timeout_s} s"
    if done.returncode == 0:
        return ""
    failed = _FAILED.search(done.stdout)
    if done.returncode != 1 or failed is None:
        raise RuntimeError(f"pytest ended with {done.returncode} in a mutated copy:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return failed[1]


def judge(mutant: Mutant, *, by_all: bool = True) -> Outcome:
    """Whether the tests that are named for it object, or else (`by_all`) any quick one; and which first."""
    started = time.monotonic()
    with copy_of_source() as root:
        mutant.apply(root)
        caught = first_failure(root, [f"tests/{test}" for test in mutant.tests])
        by_its_own = bool(caught)
        if not caught and by_all:
            # whether the change still fits the source is not what is asked here
            caught = first_failure(root, ["tests", "--ignore=tests/mutants"])
    return Outcome(mutant.name, caught, by_its_own, time.monotonic() - started)


def control(tests: Sequence[str]) -> str:
    """The first of the named tests that fails without any mutant: then nothing that follows would mean anything."""
    with copy_of_source() as root:
        return first_failure(root, [f"tests/{test}" for test in tests], CONTROL_TIMEOUT_S)
