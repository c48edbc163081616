"""What the log and the operator hear of connections: each ending once, and never more lines than the budget has."""

from __future__ import annotations

from collections.abc import Callable

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.net.log_budget import Line, LogBudget
from p2pchain.net.meter import Kind
from p2pchain.net.refusals import Refusals, reason_name
from p2pchain.net.session import Session
from p2pchain.node.ports import PeerRefusal
from p2pchain.wire.errors import Reason

_QUIET = frozenset({None, Reason.SHUTTING_DOWN, Reason.ALREADY_CONNECTED, Reason.SEED_ONLY})
"""Endings that are nobody's fault and need nobody's attention."""


class Telling:
    def __init__(self, clock: Callable[[], int], logger: FilteringBoundLogger) -> None:
        """`clock` gives Unix time in ms."""
        self.refusals = Refusals()
        self._lines = LogBudget()
        self._clock = clock
        self._logger = logger

    def connected(self, session: Session) -> None:
        self._tell("peer connected", session, outbound=session.outbound)

    def slowed(self, session: Session, kind: Kind) -> None:
        """It sends too much of a kind and is read more slowly."""
        line = self._lines.take((f"slowed {kind}", session.host), trio.current_time())
        self._write(line, self._logger.warning, "peer read more slowly", session, too_much_of=str(kind))

    def ended(self, session: Session) -> None:
        assert session.ending is not None
        reason, text, by_us = session.ending
        if reason is None or reason in _QUIET or (reason == Reason.SELF and not session.outbound):
            # of a connection to ourselves the dialling end is told of
            if session.peer is not None:
                self._tell("peer disconnected", session, why=text, by_us=by_us)
            return
        name = reason_name(reason)
        self.refusals.note(PeerRefusal(session.address, node_id(session), name, text, self._clock(), 1), by_us=by_us)
        line = self._lines.take((name, session.address if session.outbound else session.host), trio.current_time())
        fields = {"reason": name, "why": text, "by_us": by_us, "consequence": str(session.consequence)}
        self._write(line, self._logger.warning, "peer refused", session, **fields)

    def _tell(self, event: str, session: Session, **fields: object) -> None:
        """An ordinary event in the life of a peer."""
        line = self._lines.take((event, node_id(session)), trio.current_time())
        self._write(line, self._logger.info, event, session, **fields)

    def _write(self, line: Line | None, log: Callable[..., object], event: str, session: Session, **fields: object) -> None:
        """What is beyond the budget is told to those alone who want to see everything."""
        told = fields if line is None else fields | line.fields()
        (self._logger.debug if line is None else log)(event, address=session.address, node=node_id(session), **told)


def node_id(session: Session) -> str:
    """Hex of the key that it has proven; empty where it has none yet."""
    return session.node_key.hex() if session.node_key is not None else ""
