"""MessagePack byte strings one after the other, out of pieces that begin and end anywhere.

Holds no more than one unfinished byte string, and refuses a longer one by its length, before its bytes are here.
"""

from __future__ import annotations

from p2pchain.api.errors import ApiError
from p2pchain.chain.errors import Code
from p2pchain.chain.transaction import BYTES_CEILING

_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
"""By the byte that a byte string begins with: how many bytes its length has."""


class ByteStrings:
    """What was cut off at the end of the last piece."""

    def __init__(self) -> None:
        self._rest = b""
        self.count = 0
        """Whole byte strings so far."""

    def feed(self, piece: bytes) -> tuple[list[bytes], ApiError | None]:
        """The byte strings that are whole now, and why nothing can come after them, if so."""
        data, at, items = self._rest + piece, 0, list[bytes]()
        refusal = None
        while at < len(data):
            width = _LENGTH_BYTES.get(data[at])
            if width is None:
                refusal = self._no_byte_string(data[at])
                break
            begin = at + 1 + width
            length = int.from_bytes(data[at + 1 : begin], "big")
            if len(data) < begin:
                break
            if length > BYTES_CEILING:
                refusal = self._too_long(length)
                break
            if len(data) < begin + length:
                break
            items.append(data[begin : begin + length])
            self.count += 1
            at = begin + length
        self._rest = data[at:]
        return items, refusal

    @property
    def is_within(self) -> bool:
        """Whether one has begun and is not whole."""
        return bool(self._rest)

    def unfinished(self) -> ApiError | None:
        """Why this must not be the end, if so."""
        if not self._rest:
            return None
        message = f"the body ends within transaction {self.count}: {len(self._rest)} bytes of it came, all of it wanted"
        return ApiError(400, Code.MALFORMED, message, found=len(self._rest))

    def _no_byte_string(self, found: int) -> ApiError:
        message = f"transaction {self.count} begins with the byte {found:02x}, a MessagePack byte string (c4, c5 or c6) wanted"
        return ApiError(400, Code.MALFORMED, message, found=found)

    def _too_long(self, length: int) -> ApiError:
        message = f"transaction {self.count} has {length} bytes, at most {BYTES_CEILING} allowed"
        return ApiError(413, Code.OVERSIZED, message, found=length, wanted=BYTES_CEILING)
