"""Fuzzing: `python -m tests.fuzz list`, `python -m tests.fuzz TARGET|all`, and what to do with a finding.

The guided engine needs atheris (`pip install 'p2pchain[fuzz]'`, Python 3.11 to 3.13), the plain one nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.findings import Finding, keep, name_of

FOUND = 1


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    guided = options.engine == "atheris" or (options.engine == "auto" and find_spec("atheris") is not None)
    if options.what != "all" and guided and not (options.replay or options.minimise or options.what == "list"):
        from tests.fuzz.guided import fuzz_guided  # noqa: PLC0415  (before anything of p2pchain)

        fuzz_guided(options.what, runs=options.runs, seconds=options.seconds, seed=options.seed, corpus=options.corpus / options.what)
    from tests.fuzz.registry import TARGETS, find  # noqa: PLC0415

    if options.what == "list":
        for target in TARGETS:
            print(f"{target.name:24} {target.claims}")  # noqa: T201
        return 0
    names = [target.name for target in TARGETS] if options.what == "all" else [find(options.what).name]
    if options.replay:
        return max(_replay(name, options.replay) for name in names)
    if options.minimise:
        return max(_minimise(name, options.corpus) for name in names)
    if guided:
        return max(_in_a_process(name, options) for name in names)
    print(f"{'target':24} {'executions':>12} {'a second':>9} {'words':>6}")  # noqa: T201
    return max(_fuzz(name, options) for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("what", metavar="TARGET|all|list")
    parser.add_argument("--runs", type=int, default=10**9, help="executions of each target, at most")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each target, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz-corpus"), help="a folder that grows, one within it for each target")
    parser.add_argument("--engine", choices=("auto", "plain", "atheris"), default="auto")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run these inputs alone")
    parser.add_argument("--minimise", action="store_true", help="make the corpus in the repository out of itself and --corpus")
    return parser


def _fuzz(name: str, options: argparse.Namespace) -> int:
    from tests.fuzz import corpus, engine  # noqa: PLC0415
    from tests.fuzz.registry import find  # noqa: PLC0415

    target, folder = find(name), options.corpus / name
    inputs = [*corpus.load(target), *corpus.read_folder(folder)]
    try:
        outcome = engine.fuzz(target, runs=options.runs, seconds=options.seconds, seed=options.seed, corpus=inputs)
    except Finding as finding:
        return _tell(finding)
    folder.mkdir(parents=True, exist_ok=True)
    for data in outcome.kept:
        (folder / name_of(data)).write_bytes(data)
    rate = outcome.executions / outcome.seconds
    print(f"{name:24} {outcome.executions:12,} {rate:9,.0f} {len(outcome.words):6}", flush=True)  # noqa: T201
    return 0


def _replay(name: str, paths: Sequence[Path]) -> int:
    from tests.fuzz.engine import execute  # noqa: PLC0415
    from tests.fuzz.registry import find  # noqa: PLC0415

    for path in paths:
        try:
            print(f"{path}: {execute(find(name), path.read_bytes())}")  # noqa: T201
        except Finding as finding:
            return _tell(finding)
    return 0


def _minimise(name: str, folder: Path) -> int:
    from tests.fuzz import corpus  # noqa: PLC0415
    from tests.fuzz.registry import find  # noqa: PLC0415

    target = find(name)
    inputs = [*corpus.load(target), *corpus.read_folder(folder / name)]
    kept = corpus.minimise(target, inputs)
    corpus.replace(target, kept)
    print(f"{name:24} {len(inputs)} inputs, {len(kept)} kept, {sum(map(len, kept))} bytes", flush=True)  # noqa: T201
    return 0


def _in_a_process(name: str, options: argparse.Namespace) -> int:
    numbers = (f"--runs={options.runs}", f"--seconds={options.seconds}", f"--seed={options.seed}", f"--corpus={options.corpus}")
    command = [sys.executable, "-m", "tests.fuzz", name, "--engine=atheris", *numbers]
    return FOUND if subprocess.run(command, check=False).returncode else 0


def _tell(finding: Finding) -> int:
    command = keep(finding)
    print(f"FINDING {finding}\n  repeat it: {command}", file=sys.stderr)  # noqa: T201
    if finding.__cause__ is not None:
        sys.excepthook(type(finding.__cause__), finding.__cause__, finding.__cause__.__traceback__)
    return FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
