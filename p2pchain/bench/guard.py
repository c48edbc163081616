"""`bench guard`: whether a change made the node slower, in two minutes on any machine.

Every figure is CPU time in units of one signature check of the same machine in the same run, so machines and what runs
beside it cancel out, nearly: the bounds are generous, and a figure is the best of its repetitions.  What is held against
it lies in `docs/figures.json`, written by the same command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from p2pchain.bench.errors import BadOption
from p2pchain.bench.importing import measure_shape
from p2pchain.bench.machine import describe_machine
from p2pchain.bench.made_chain import Shape
from p2pchain.bench.progress import Progress, Silent
from p2pchain.bench.result import Figures, Result, number, rounded
from p2pchain.bench.submitting import Plan as ApiPlan
from p2pchain.bench.submitting import measure_api
from p2pchain.bench.testbed import MakeNetwork
from p2pchain.bench.testnet import Plan as LoadPlan
from p2pchain.bench.testnet import measure_testnet
from p2pchain.bench.verify import limit_figures, make_checks, measure_limit, one_thread

FACTOR = 1.5
"""How much worse than kept a figure may be: twice the spread that busy machines showed."""
SEED = 1
SMALL, LARGE = 1_000, 100_000
_UNIT_S = 0.5


class Effort(NamedTuple):
    """How much is measured."""

    repetitions: int = 2
    blocks: int = 5
    transactions: int = 1_000
    rate: float = 400
    seconds: float = 6


FULL = Effort()
Measured = dict[str, float]


def load_kept(path: Path) -> Measured:
    """What is held against the run."""
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return {str(name): float(value) for name, value in figures.items()}
    except FileNotFoundError:
        raise BadOption("--against", f"there is no {path}; name the file of a working copy, or write one with --update") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadOption("--against", f"{path} cannot be used ({type(error).__name__}: {error})") from None


def save_kept(path: Path, result: Result) -> None:
    about = "CPU time in units of one signature check of the same run; written by: p2pchain bench guard --update"
    kept = {
        "about": about,
        "machine": result.machine,
        "commit": result.commit,
        "figures": {row["figure"]: row["now"] for row in result.rows},
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def measure_guard(kept: Mapping[str, float], place: Path, make_network: MakeNetwork, progress: Progress, effort: Effort = FULL) -> Result:
    machine = describe_machine()
    limit = measure_limit(SEED, progress)
    checks = make_checks(1_000, SEED)
    parts: Sequence[Callable[[], Measured]] = (
        lambda: _importing(place, effort),
        lambda: _growth(place, effort),
        lambda: _api(make_network, effort),
        lambda: _network(make_network, effort),
    )
    progress.begin("measuring", len(parts) * effort.repetitions)
    found: Measured = {}
    for part in parts:
        for _ in range(effort.repetitions):
            unit_us = one_thread(checks, _UNIT_S).cpu_us
            for name, value in part().items():
                ratio = value if name.endswith(_NO_UNIT) else value / unit_us
                found[name] = min(ratio, found.get(name, ratio))
            progress.advance()
    rows = [_row(name, value, kept.get(name)) for name, value in found.items()]
    figures: Figures = {name: rounded(value) for name, value in found.items()}
    worse = sorted(str(row["figure"]) for row in rows if row["verdict"] == "WORSE")
    return Result(
        "guard",
        f"CPU by the signature check of the same run, best of {effort.repetitions}; worse is more than {FACTOR} times what is kept",
        figures | {"worse": ", ".join(worse)},
        limit_figures(limit),
        None,
        seed=SEED,
        rows=rows,
        machine=machine,
    )


_NO_UNIT = ("_times", "_mb")
"""What is a ratio already, or no time."""


def _row(name: str, now: float, kept: float | None) -> Figures:
    verdict = "new" if kept is None else "WORSE" if now > FACTOR * kept else "better" if FACTOR * now < kept else "as kept"
    allowed = None if kept is None else rounded(FACTOR * kept)
    return {"figure": name, "now": rounded(now), "kept": kept, "allowed": allowed, "verdict": verdict}


def _importing(place: Path, effort: Effort) -> Measured:
    row = measure_shape(Shape(SEED, SMALL, 4, effort.blocks, effort.transactions), place, Silent())
    names = {"cold_cpu_us": "import_cold", "cached_cpu_us": "import_cached", "admit_cpu_us": "admit"}
    return {name: number(row, column) for column, name in names.items()}


def _growth(place: Path, effort: Effort) -> Measured:
    small, large = (measure_shape(Shape(SEED, size, 4, effort.blocks, effort.transactions), place, Silent()) for size in (SMALL, LARGE))
    return {f"import_cached_at_{LARGE}_accounts_times": number(large, "cached_cpu_us") / number(small, "cached_cpu_us")}


def _api(make_network: MakeNetwork, effort: Effort) -> Measured:
    rows = measure_api(ApiPlan(2 * effort.transactions, 500, 500, SEED), make_network, Silent()).rows
    cost = {str(row["way"]): number(row, "node_cpu_us_until_final") for row in rows}
    return {"api_single": cost["1 in a request"], "api_bulk": cost["1000 in a request"], "api_stream": cost["in a stream"]}


def _network(make_network: MakeNetwork, effort: Effort) -> Measured:
    plan = LoadPlan(4, 500, 500, effort.seconds, effort.rate, 0, SEED, None)
    row = measure_testnet(plan, make_network, Silent()).rows[-1]
    return {"testnet_node": number(row, "node_cpu_us"), "testnet_node_mb": number(row, "node_mb")}
