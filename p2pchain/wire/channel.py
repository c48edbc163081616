"""The encrypted channel: records of any bytes, in both directions, after the handshake.

    record   length     2 bytes, big-endian: counts what follows, 16 to 65,535
             sealed     ChaCha20-Poly1305 under the sender's key and its next nonce

Frames do not end with records: many share one, or one takes many.  A record without content says that its sender's next
record is under the next key.  A key lasts for 2^20 records, and at the sender for an hour; it is not given up
before 256 records, so that nobody can be made to rekey for little.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2pchain.wire.errors import NotAuthentic, RemoteViolation
from p2pchain.wire.noise import TAG_BYTES, CipherState

LENGTH_BYTES = 2
RECORD_BYTES_MAX = 65_535
CONTENT_BYTES_MAX = RECORD_BYTES_MAX - TAG_BYTES
KEY_RECORDS_MAX = 1 << 20
KEY_RECORDS_MIN = 256
KEY_AGE_MS_MAX = 3_600_000


class SecureChannel:
    """Seals what is sent and opens what is received.  An error of `open` is the end of the link: it comes again."""

    __slots__ = ("_at", "_key_records_max", "_opened", "_received", "_receiving", "_sealed", "_sending", "_since_ms")

    def __init__(
        self, sending: CipherState, receiving: CipherState, received: bytes = b"", *, key_records_max: int = KEY_RECORDS_MAX
    ) -> None:
        """`received` is what came behind the handshake."""
        self._sending = sending
        self._receiving = receiving
        self._key_records_max = key_records_max
        self._sealed = 0
        self._opened = 0
        self._since_ms: int | None = None
        self._received = bytearray(received)
        """One unfinished record at most, and whatever came with the last read."""
        self._at = 0

    def seal(self, data: bytes, now_ms: int) -> bytes:
        """The records of `data`, all of them to be sent, in the order of these calls.  `now_ms` is of a clock that never goes back."""
        if self._since_ms is None:
            self._since_ms = now_ms
        parts: list[bytes] = []
        for start in range(0, len(data), CONTENT_BYTES_MAX):
            if self._is_key_old(now_ms):
                self._seal_record(b"", parts)
                self._sending.rekey()
                self._sealed, self._since_ms = 0, now_ms
            self._seal_record(data[start : start + CONTENT_BYTES_MAX], parts)
        return b"".join(parts)

    def open(self, data: bytes) -> Iterator[bytes]:
        """The contents of whole records, in order; what is not asked for waits for the next call.

        `NotAuthentic` where a record is not the peer's next one, `RemoteViolation` where it breaks the rules above.
        """
        del self._received[: self._at]
        self._at = 0
        self._received += data
        while (sealed := self._next_record()) is not None:
            content = self._receiving.decrypt(sealed)
            self._at += LENGTH_BYTES + len(sealed)
            self._opened += 1
            if content:
                yield content
            else:
                self._follow_rekey()

    def _is_key_old(self, now_ms: int) -> bool:
        assert self._since_ms is not None
        is_past_its_time = now_ms - self._since_ms >= KEY_AGE_MS_MAX and self._sealed >= KEY_RECORDS_MIN
        return is_past_its_time or self._sealed == self._key_records_max - 1

    def _seal_record(self, content: bytes, parts: list[bytes]) -> None:
        sealed = self._sending.encrypt(content)
        self._sealed += 1
        parts += (len(sealed).to_bytes(LENGTH_BYTES, "big"), sealed)

    def _next_record(self) -> bytes | None:
        received, start = self._received, self._at + LENGTH_BYTES
        if len(received) < start:
            return None
        size = int.from_bytes(received[self._at : start], "big")
        if size < TAG_BYTES:
            raise NotAuthentic(f"record says {size} bytes, {TAG_BYTES} to {RECORD_BYTES_MAX} wanted")
        if self._opened >= self._key_records_max:
            raise RemoteViolation(f"peer goes on after {self._opened} records under one key")
        if len(received) < start + size:
            return None
        return bytes(memoryview(received)[start : start + size])

    def _follow_rekey(self) -> None:
        if self._opened <= KEY_RECORDS_MIN:
            raise RemoteViolation(f"peer gave up its key after {self._opened} records, {KEY_RECORDS_MIN} wanted before that")
        self._receiving.rekey()
        self._opened = 0
