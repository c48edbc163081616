"""One run as one page: time across, nodes down.  It refers to nothing outside of itself and needs no script to be read.

Pure: a result and its moments in, text out.  Everything that a run can put into words is escaped.
"""

from __future__ import annotations

from p2pchain.sim.report.limits import validate_drawable
from p2pchain.sim.report.page import draw_page

__all__ = ["draw_page", "validate_drawable"]
