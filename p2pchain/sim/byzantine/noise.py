"""Bytes that are no messages, messages that are no news, and a process that never stays up."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from p2pchain.sim.byzantine.interface import Actor, Strategy
from p2pchain.sim.pace import slot_ms
from p2pchain.wire.framing import HEADER_BYTES, encode_frame
from p2pchain.wire.messages import (
    BY_TYPE,
    Announcement,
    BallotMessage,
    BlockMessage,
    Blocks,
    BlockTransactions,
    CertificateMessage,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetBodies,
    GetBranch,
    GetProofs,
    GetTransactions,
    Message,
    Proofs,
    Status,
    Transactions,
)

KEPT = 400
REPLAYED = 12
"""A slot and target."""
REPLAYABLE = (
    *(Status, Transactions, BlockMessage, BallotMessage, CertificateMessage, GetBlocks, GetBranch, Blocks),
    *(CompactBlock, GetBlockTransactions, BlockTransactions, Announcement, GetTransactions),
    *(GetProofs, Proofs, GetBodies),
)


class MalformedFrames(Strategy):
    """Random bytes, random bodies, lengths that lie, and true messages with one byte turned; each costs it a connection."""

    NAME: ClassVar[str] = "malformed_frames"
    DOC: ClassVar[str] = "a delegate sends random bytes, oversized frames and true messages with one byte turned"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._heard: deque[Message] = deque(maxlen=KEPT)

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        self._heard.append(message)
        return True

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        for target in self.actor.connected():
            if self.actor.random.random() < 0.3:
                self.acted()
                self.actor.send_bytes(target, self._frame())

    def _frame(self) -> bytes:
        chance = self.actor.random
        kind = chance.choice(sorted(BY_TYPE))
        match chance.choice(("noise", "body", "oversized", "turned")):
            case "noise":
                return chance.randbytes(chance.randint(1, 64))
            case "body":
                body = chance.randbytes(chance.randint(0, 300))
                return (len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body
            case "oversized":
                return (BY_TYPE[kind].BYTES_MAX + 2).to_bytes(4, "big") + bytes((kind,))
            case _:
                return self._turned()

    def _turned(self) -> bytes:
        frame = bytearray(encode_frame(self.actor.random.choice(self._heard))) if self._heard else bytearray(HEADER_BYTES)
        if len(frame) > HEADER_BYTES:
            frame[self.actor.random.randrange(HEADER_BYTES, len(frame))] ^= 1 << self.actor.random.randrange(8)
        return bytes(frame)


class ReplayOldMessages(Strategy):
    """What others said long ago, again, as if it were new."""

    NAME: ClassVar[str] = "replay_old_messages"
    DOC: ClassVar[str] = "a delegate repeats what it heard long ago to everybody, questions, answers and positions included"

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self._heard: deque[Message] = deque(maxlen=KEPT)

    def hears(self, source: int, message: Message) -> bool:  # noqa: ARG002
        if isinstance(message, REPLAYABLE):
            self._heard.append(message)
        return True

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        for target in self.actor.connected() if self._heard else ():
            self.acted()
            for _ in range(REPLAYED):
                self.actor.send(target, self.actor.random.choice(self._heard))


class CrashLoop(Strategy):
    """Up and down without end: each start asks its peers for all that a starting node needs."""

    NAME: ClassVar[str] = "crash_loop"
    DOC: ClassVar[str] = "a delegate ends and starts again every few slots, to the end"

    def slot_began(self, slot: int) -> None:  # noqa: ARG002
        if self.actor.random.random() < 0.4:
            self.acted()
            self.actor.fall(self.actor.random.randint(1, 2 * slot_ms(self.actor.spec)))
