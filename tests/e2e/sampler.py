"""Where a node's processor time goes: a sample of its main thread every few milliseconds of processor time.

    .venv/bin/python -m tests.e2e.sampler OUT.json run --home HOME     (what follows OUT.json is for `p2pchain`)

A signal counts the time that the process uses, all threads together.  A sample is the main thread's, unless that thread used
less than half of the time since the last one: then it is a worker's.  Written when the process ends in order.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from p2pchain.cli import main

INTERVAL_S = 0.004
PACKAGE = str(Path(main.__code__.co_filename).parent.parent)


class Sampler:
    """Counts samples by the innermost function, and by the functions of p2pchain on the way to it."""

    def __init__(self) -> None:
        self.samples = 0
        self.workers = 0
        self.own: Counter[str] = Counter()
        self.below: Counter[str] = Counter()
        self._main_s = 0.0

    def begin(self) -> None:
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def _take(self, _number: int, frame: FrameType | None) -> None:
        self.samples += 1
        main_s = time.thread_time()
        used, self._main_s = main_s - self._main_s, main_s
        if used < INTERVAL_S / 2:
            self.workers += 1
            return
        if frame is not None:
            self.own[_name(frame)] += 1
        seen = set()
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                seen.add(_name(frame))
            frame = frame.f_back
        self.below.update(seen)

    def write(self, path: Path) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        shares = {"own": self.own.most_common(60), "below": self.below.most_common(160)}
        path.write_text(json.dumps({"samples": self.samples, "workers": self.workers, "interval_s": INTERVAL_S, **shares}, indent=1))


def _name(frame: FrameType) -> str:
    code = frame.f_code
    file = code.co_filename
    where = file[len(PACKAGE) + 1 :] if file.startswith(PACKAGE) else "/".join(Path(file).parts[-2:])
    return f"{where}:{code.co_qualname}"


if __name__ == "__main__":
    out = Path(sys.argv[1])
    sys.argv = ["p2pchain", *sys.argv[2:]]
    sampler = Sampler()
    sampler.begin()
    try:
        main()
    finally:
        sampler.write(out)
