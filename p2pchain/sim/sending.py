"""What leaves a process: one encoding for all who get it, into the trace and onto the links.

Where the node is dishonest its strategies have the last word on each message to each peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pchain.chain.consequences import Consequence
from p2pchain.node import effects as e
from p2pchain.sim.lane import Connection
from p2pchain.sim.shared import Shared
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import ANSWER_BYTES_MAX, Blocks, Message

if TYPE_CHECKING:
    from p2pchain.sim.process import Process


class Sending:
    """The sending half of a process's connections."""

    def __init__(self, process: Process, shared: Shared) -> None:
        self._process = process
        self._number = process.number
        self._shared = shared

    def send(self, outgoing: e.Outgoing) -> None:
        """What the engine wants sent."""
        connections = self._shared.links.of(self._number)
        match outgoing:
            case e.Broadcast():
                but = outgoing.but
                self._emit([connection for peer, connection in connections.items() if peer not in but], outgoing.message)
            case e.Send():
                self._emit([connections[outgoing.peer]] if outgoing.peer in connections else [], outgoing.message)
            case e.SendFinalBlocks():
                found = self._process.disk.ledger.final_range(outgoing.from_height, outgoing.limit, ANSWER_BYTES_MAX)
                items = [part for block in found for part in (block.raw, block.certificate)]
                self._emit([connections[outgoing.peer]] if outgoing.peer in connections else [], Blocks(outgoing.request, items))
            case e.Disconnect():
                if outgoing.peer in connections:
                    self.refuse(connections[outgoing.peer], outgoing.reason, outgoing.text, outgoing.consequence)

    def speak(self, target: int, frame: bytes) -> None:
        """What a strategy says on its own, to whoever is connected."""
        connection = self._shared.links.connection(self._number, target)
        if connection is not None:
            self._transmit(connection, frame)

    def refuse(self, connection: Connection, reason: Reason, text: str, consequence: Consequence) -> None:
        """End a connection because of what came over it."""
        self._shared.watch.refused(self._process, connection.other(self._number), f"{reason.name.lower()}: {text}", consequence)
        self._shared.links.close(connection)

    def _emit(self, connections: list[Connection], message: Message) -> None:
        """To each of these; one encoding for all."""
        if not connections:
            return
        if self._process.strategies:
            for connection in connections:
                self._emit_dishonestly(connection, message)
            return
        frame = self._shared.memo.frame(message)
        self._shared.watch.trace.sent(self._number, frame)
        for connection in connections:
            self._shared.links.transmit(connection, self._number, frame)

    def _emit_dishonestly(self, connection: Connection, message: Message) -> None:
        going = [(message, 0)]
        for strategy in self._process.strategies:
            going = [
                (sent.message, wait + sent.delay_ms)
                for each, wait in going
                for sent in strategy.outgoing(connection.other(self._number), each)
            ]
        for each, wait in going:
            frame = self._shared.memo.frame(each)
            if wait:
                self._shared.agenda.after(wait, self._transmit, connection, frame)
            else:
                self._transmit(connection, frame)

    def _transmit(self, connection: Connection, frame: bytes) -> None:
        if self._shared.links.is_living(connection):
            self._shared.watch.trace.sent(self._number, frame)
            self._shared.links.transmit(connection, self._number, frame)
