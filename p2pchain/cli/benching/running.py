"""How every benchmark runs and ends: signals, progress, the result or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from p2pchain.bench.errors import BadOption, NotMeasured
from p2pchain.bench.progress import Progress
from p2pchain.bench.result import Result
from p2pchain.cli.benching.showing import print_result, progress_bar, write_plot
from p2pchain.cli.benching.signals import ended_by_signals
from p2pchain.cli.failures import FAILED, WRONG_USE, Failure


def run_bench(measure: Callable[[Progress], Result], *, as_json: bool, plot: Path | None = None) -> None:
    """Measure, then print; a run that was not as promised prints no figure and ends with 1."""
    try:
        with ended_by_signals(), progress_bar() as progress:
            result = measure(progress)
    except BadOption as refusal:
        raise Failure(str(refusal), WRONG_USE) from None
    except NotMeasured as reason:
        raise Failure(f"not measured: {reason}", FAILED) from None
    if plot is not None:
        write_plot(result, plot)
    print_result(result, as_json=as_json)
