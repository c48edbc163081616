"""The state file of `sim --many`: JSON lines, the terms of the runs first, then one outcome a line, in any order.

Lines are only ever added, whole, so that an end at any moment loses at most the last line; a torn last line is dropped
when the file is opened again.  One command at a time may have it.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from p2pchain import __version__
from p2pchain.sim.many import Outcome, Plan, decode_outcome, encode_outcome
from p2pchain.sim.options import BadOption

OPTION = "--state"
_TITLE = "p2pchain sim --many"


class StateFile:
    """An open one."""

    def __init__(self, file: IO[bytes], known: dict[int, Outcome]) -> None:
        self._file = file
        self.known = known
        """Outcomes by seed."""

    def add(self, outcome: Outcome) -> None:
        self._file.write(_line(encode_outcome(outcome)))
        self._file.flush()


@contextmanager
def open_state(path: Path, plan: Plan) -> Iterator[StateFile]:
    """Open or make it; `BadOption` where it cannot be, is another command's, or is of other terms."""
    try:
        file = path.open("a+b")
    except OSError as error:
        raise BadOption(OPTION, f"{path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadOption(OPTION, f"{path} is in use by another command") from error
        file.seek(0)
        known = _read(path, file, plan)
        yield StateFile(file, known)


def _read(path: Path, file: IO[bytes], plan: Plan) -> dict[int, Outcome]:
    heading = _heading(plan)
    first = file.readline()
    if not first.endswith(b"\n") and heading.startswith(first):
        file.truncate(0)
        file.write(heading)
        file.flush()
        return {}
    _validate_heading(path, first, plan)
    known, whole_bytes = {}, len(first)
    for number, line in enumerate(file, start=2):
        if not line.endswith(b"\n"):
            break
        try:
            outcome = decode_outcome(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise BadOption(OPTION, f"{path}:{number}: found no outcome of a seed ({error!r}); the file was changed") from error
        known[outcome.seed] = outcome
        whole_bytes += len(line)
    file.truncate(whole_bytes)
    file.seek(0, 2)
    return known


def _validate_heading(path: Path, line: bytes, plan: Plan) -> None:
    try:
        found = json.loads(line)
        title, version, terms = found["title"], found["version"], found["terms"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadOption(OPTION, f"{path} is no state file of {_TITLE}; it was left as it is") from error
    if (title, version, terms) != (_TITLE, __version__, plan.terms()):
        wanted = f"{plan.terms()} (version {__version__})"
        raise BadOption(OPTION, f"{path} is of other runs: found {terms} (version {version}), wanted {wanted}")


def _heading(plan: Plan) -> bytes:
    return _line({"title": _TITLE, "version": __version__, "terms": plan.terms()})


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"
