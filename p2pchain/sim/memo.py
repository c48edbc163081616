"""What every node of a world would work out alike, worked out once: signatures, and messages from their bytes and back.

All are pure functions.  Blocks are executed by each node for itself: that they agree is what is to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.crypto import SignatureCheck, is_valid_signature
from p2pchain.node.certificates import Certificates
from p2pchain.wire.errors import RemoteViolation
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.messages import MESSAGES, BallotMessage, Message

ALL_TYPES = frozenset(message.TYPE for message in MESSAGES)
SIGNATURES_MAX = 200_000
FRAMES_MAX = 20_000
CERTIFICATES_MAX = 1_000


class Memo:
    """Shared by the nodes of one world; emptied when it is full."""

    def __init__(self) -> None:
        self._signatures: dict[SignatureCheck, bool] = {}
        self._messages: dict[bytes, Message] = {}
        self.certificates = Certificates(CERTIFICATES_MAX)
        self._ballots: dict[BallotMessage, bytes] = {}

    def verify(self, checks: Sequence[SignatureCheck]) -> list[bool]:
        """One answer a check, as `crypto.verify_batch` gives."""
        known = self._signatures
        results = []
        for check in checks:
            result = known.get(check)
            if result is None:
                result = is_valid_signature(check)
                self.learn(check, holds=result)
            results.append(result)
        return results

    def learn(self, check: SignatureCheck, *, holds: bool) -> None:
        if len(self._signatures) >= SIGNATURES_MAX:
            self._signatures.clear()
        self._signatures[check] = holds

    def frame(self, message: Message) -> bytes:
        """The bytes of a message.  A ballot is passed on by everybody, in its one encoding."""
        if not isinstance(message, BallotMessage):
            return encode_frame(message)
        frame = self._ballots.get(message)
        if frame is None:
            if len(self._ballots) >= FRAMES_MAX:
                self._ballots.clear()
            frame = self._ballots[message] = encode_frame(message)
        return frame

    def message(self, frame: bytes) -> Message:
        """The message in a whole frame; `RemoteViolation` where it is none.  S8: it has this one encoding."""
        message = self._messages.get(frame)
        if message is None:
            reader = FrameReader()
            reader.feed(frame)
            read = reader.next_message(ALL_TYPES)
            if read is None:  # as a connection that stalls within a frame ends: it would take whatever follows for its rest
                raise RemoteViolation(f"frame of {len(frame)} bytes is not whole")
            assert encode_frame(read) == frame, f"{type(read).__name__} has a second encoding (S8)"
            if len(self._messages) >= FRAMES_MAX:
                self._messages.clear()
            message = self._messages[frame] = read
        return message
