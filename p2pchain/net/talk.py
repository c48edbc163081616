"""What one peer was asked and may ask about other nodes: each question has one answer, and an answer one question."""

from __future__ import annotations

from p2pchain.wire.errors import RemoteViolation

ANSWERS_AT_ONCE = 6
"""A node that has just started is hungry; afterwards one answer per pause."""
PAUSES_MAX = 64


class Talk:
    """The state of one link; `pause_s` is the time after which another answer is earned."""

    __slots__ = ("_earned", "_earned_s", "_next_s", "_patience_s", "_pause_s", "asked", "heard", "owed")

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._next_s = float("-inf")
        self._patience_s = pause_s
        self._earned = float(ANSWERS_AT_ONCE)
        self._earned_s = 0.0
        self.asked = 0
        """How many records the open question asks for; 0 where none is open."""
        self.heard = False
        """Whether it has answered at all."""
        self.owed = 0
        """Of a node that only hands out addresses: what it was asked for and will answer as its last word."""

    def ask(self, limit: int, now_s: float) -> None:
        assert not self.asked, "one question at a time"
        self.asked = limit
        self._next_s = now_s + self._patience_s
        self._patience_s = min(2 * self._patience_s, PAUSES_MAX * self._pause_s)

    def may_ask(self, now_s: float) -> bool:
        """The pauses double: what it told already it will tell again."""
        return not self.asked and now_s >= self._next_s

    def take_answer(self, count: int) -> int:
        """How many it was asked for; `RemoteViolation` where that was less, or nothing."""
        asked, self.asked, self.heard = self.asked, 0, True
        if asked == 0:
            raise RemoteViolation("peer records came unasked")
        if count > asked:
            raise RemoteViolation(f"{count} peer records came, {asked} were asked for")
        return asked

    def earn_answer(self, now_s: float) -> bool:
        """Whether a question of theirs gets more than an empty answer."""
        self._earned = min(float(ANSWERS_AT_ONCE), self._earned + (now_s - self._earned_s) / self._pause_s)
        self._earned_s = now_s
        if self._earned < 1:
            return False
        self._earned -= 1
        return True
