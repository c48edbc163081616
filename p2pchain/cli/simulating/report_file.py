"""`--report FILE`: whether it can be written is found out before the run, and a file that exists is replaced by a whole one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from p2pchain.sim.options import BadOption, Options
from p2pchain.sim.report import draw_page, validate_drawable
from p2pchain.sim.run import Result
from p2pchain.sim.timeline import Timeline

OPTION = "--report"


class Drawing:
    """A report to be, or none."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self.recorder = Timeline() if file else None

    def draw(self, result: Result) -> None:
        if self._file and self.recorder:
            self._file.write(draw_page(result, self.recorder.moments).encode())


@contextmanager
def open_report(path: Path | None, options: Options) -> Iterator[Drawing]:
    """A place beside the path, which takes the path's name when the page is whole; `BadOption` where it cannot be written."""
    if path is None:
        yield Drawing(None)
        return
    validate_drawable(options)
    if path.is_dir():
        raise BadOption(OPTION, f"{path} is a folder, wanted a file")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = unfinished.open("wb")
    except OSError as error:
        raise BadOption(OPTION, f"{path}: {error.strerror}") from error
    try:
        with file:
            yield Drawing(file)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
