"""The guided engine: atheris, which is libFuzzer with the coverage of Python code.  It is loaded here alone.

libFuzzer ends the process when it is done, so each target has a process of its own.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.findings import CRASHES
from tests.fuzz.target import Target


def fuzz_guided(name: str, *, runs: int, seconds: float, seed: int, corpus: Path) -> None:
    """Never returns.  New inputs go to `corpus`; a finding is printed with its traceback, and its file is named."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["p2pchain"], enable_loader_override=False):
        registry = import_module("tests.fuzz.registry")
    from tests.fuzz.corpus import load  # noqa: PLC0415  (p2pchain is imported under instruments first)
    from tests.fuzz.engine import execute  # noqa: PLC0415

    target: Target = registry.find(name)
    changed = target.mutate
    corpus.mkdir(parents=True, exist_ok=True)
    CRASHES.mkdir(exist_ok=True)
    for i, data in enumerate([*target.seeds(), *load(target)]):
        (corpus / f"seed-{i}").write_bytes(data)

    def mutate(data: bytes, size_max: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, size_max))
        return changed(data, random, size_max)

    options = [
        f"-runs={runs}",
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        f"-max_len={target.size_max}",
        f"-artifact_prefix={CRASHES}/{name}-",
        "-rss_limit_mb=1024",
        "-timeout=10",
        "-print_final_stats=1",
    ]
    atheris.Setup([name, *options, str(corpus)], lambda data: execute(target, data), custom_mutator=mutate)
    atheris.Fuzz()
