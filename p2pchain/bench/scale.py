"""`bench scale`: how the cost of importing grows with accounts, with delegates, and with transactions in a block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from p2pchain.bench.importing import measure_shape
from p2pchain.bench.machine import describe_machine
from p2pchain.bench.made_chain import Shape
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Curve, Figures, Result, Series, number, rounded
from p2pchain.bench.verify import limit_figures, measure_limit

ACCOUNTS, DELEGATES, TRANSACTIONS = 1_000, 4, 1_000
"""What stays, where something else varies."""


class Plan(NamedTuple):
    accounts: Sequence[int]
    delegates: Sequence[int]
    transactions: Sequence[int]
    blocks: int
    seed: int


def measure_scale(plan: Plan, place: Path, progress: Progress) -> Result:
    machine = describe_machine()
    limit = measure_limit(plan.seed, progress)
    rows: list[Figures] = []
    base = Shape(plan.seed, ACCOUNTS, DELEGATES, plan.blocks, TRANSACTIONS)
    for name in ("accounts", "delegates", "transactions"):
        for value in getattr(plan, name):
            shape = Shape(**{**_fields(base), name: value})
            varied: Figures = {"varies": name, "delegates": shape.delegates, "transactions": shape.transactions}
            rows.append(varied | measure_shape(shape, place, progress))
    limit = max(limit, measure_limit(plan.seed, progress))
    figures: Figures = {"blocks": plan.blocks}
    for name in ("accounts", "delegates", "transactions"):
        figures |= _growth(name, [row for row in rows if row["varies"] == name])
    return Result(
        "scale",
        f"import of {plan.blocks} blocks, CPU in microseconds a transaction, cold and cached, while one of accounts, delegates "
        f"and transactions in a block varies and the others stay at {ACCOUNTS}, {DELEGATES} and {TRANSACTIONS}; growth: last by first",
        figures,
        limit_figures(limit),
        rounded(max(number(row, "cold_transactions_a_second") for row in rows) / limit),
        seed=plan.seed,
        rows=rows,
        curve=_curve(rows),
        machine=machine,
    )


def _fields(shape: Shape) -> dict[str, int]:
    return {name: getattr(shape, name) for name in ("seed", "accounts", "delegates", "blocks", "transactions")}


def _growth(name: str, rows: Sequence[Figures]) -> Figures:
    first, last = rows[0], rows[-1]
    span = f"{name}_{first[name]}_to_{last[name]}"
    return {f"{span}_{way}": rounded(number(last, f"{way}_cpu_us") / number(first, f"{way}_cpu_us")) for way in ("cold", "cached")}


def _curve(rows: Sequence[Figures]) -> Curve:
    names = ("accounts", "delegates", "transactions")
    series = [Series(name, [(number(row, name), number(row, "cached_cpu_us")) for row in rows if row["varies"] == name]) for name in names]
    return Curve("Cost of importing a known transaction", "accounts, delegates, or transactions in a block", "us of CPU", series)
