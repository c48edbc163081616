"""Quantiles of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed; infinity where there are none."""
    if not ascending:
        return math.inf
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]
