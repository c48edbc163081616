"""The bans of a running network, with their file: read at the start, written soon after each change and at the end.

A lie waits at most `WRITE_EVERY_S` for the disk, so that a flood of them costs one write a second; what an operator asked for
is on disk before it is answered.  A file that is damaged is set aside with a line in the log, and never stops the node;
neither does a disk that refuses: the bans hold in memory all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import trio
from structlog.typing import FilteringBoundLogger

from p2pchain.chain.consequences import Consequence
from p2pchain.net.ban_records import DamagedBansError, decode_bans, encode_bans
from p2pchain.net.bans import Ban, Bans

WRITE_EVERY_S = 1.0
LAST_WRITE_S = 2.0


class BanFile(Protocol):
    """Where the list is kept; errors of the disk are `OSError`."""

    def load(self) -> bytes | None:
        """None where there is none."""
        ...

    def save(self, content: bytes) -> None:
        """Whole or not at all, and durable when it returns."""
        ...

    def set_aside(self) -> Path:
        """Move a damaged one out of the way; where it is now."""
        ...


class BanList:
    def __init__(self, file: BanFile, clock: Callable[[], int], is_spared: Callable[[bytes], bool], logger: FilteringBoundLogger) -> None:
        """`clock` gives Unix time in ms; `is_spared` as in `Bans`."""
        self._file = file
        self._clock = clock
        self._logger = logger
        self._bans = Bans(is_spared)
        self._changed = trio.Event()
        self._turn = trio.Lock()
        self._complaint = ""
        self.put = 0
        """Bans for lies since the start."""
        self._load()

    # asked by the links

    def is_banned(self, key: bytes) -> bool:
        return self._bans.is_banned(key, self._clock())

    def of_link(self, key: bytes, host: str) -> Ban | None:
        return self._bans.of_link(key, host, self._clock())

    def of_newcomer(self, key: bytes, host: str) -> Ban | None:
        return self._bans.of_newcomer(key, host, self._clock())

    def punish(self, key: bytes, host: str, consequence: Consequence, why: str) -> Ban | None:
        ban = self._bans.punish(key, host, consequence, why, self._clock())
        if ban is not None and consequence is Consequence.LIE:
            self.put += 1
            self._changed.set()
        return ban

    # asked by the operator

    def spare(self, is_spared: Callable[[bytes], bool]) -> None:
        """From now on these are spared, as in `Bans`."""
        self._bans.spare(is_spared)

    def listed(self) -> list[Ban]:
        return self._bans.listed(self._clock())

    async def ban(self, who: bytes | str, duration_ms: int, why: str) -> Ban | None:
        ban = self._bans.ban(who, duration_ms, why, self._clock())
        if ban is not None:
            await self._write()
        return ban

    async def lift(self, who: bytes | str) -> bool:
        is_lifted = self._bans.lift(who)
        if is_lifted:
            await self._write()
        return is_lifted

    # the life

    async def run(self) -> None:
        """Write what changed, for ever."""
        while True:
            await self._changed.wait()
            await self._write()
            await trio.sleep(WRITE_EVERY_S)

    async def close(self) -> None:
        """Write what changed last, also where the caller is cancelled; a disk that hangs does not hold up the end."""
        if self._changed.is_set():
            with trio.move_on_after(LAST_WRITE_S, shield=True):
                await self._write(abandon_on_cancel=True)

    async def _write(self, *, abandon_on_cancel: bool = False) -> None:
        """In a worker thread, one after the other: what is written last is the newest.  The last of all may be abandoned."""
        async with self._turn:
            self._changed = trio.Event()
            kept = self._bans.kept(self._clock())
            try:
                await trio.to_thread.run_sync(self._save, kept, abandon_on_cancel=abandon_on_cancel)
            except OSError as error:
                self._complain(f"the list of bans cannot be written: {error.strerror or error}")
            else:
                self._complaint = ""

    def _save(self, kept: list[Ban]) -> None:
        self._file.save(encode_bans(kept))

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._logger.error("bans hold in memory alone", error=text)
        self._complaint = text

    def _load(self) -> None:
        damage = ""
        try:
            content = self._file.load()
            self._bans.restore(decode_bans(content) if content is not None else [])
        except DamagedBansError as error:
            damage = str(error)
        except OSError as error:
            self._complain(f"the list of bans cannot be read: {error.strerror or error}")
        if damage:
            self._set_aside(damage)

    def _set_aside(self, damage: str) -> None:
        try:
            self._logger.error("list of bans set aside, nobody is banned", where=str(self._file.set_aside()), error=damage)
        except OSError as error:
            self._complain(f"the list of bans {damage}, and cannot be set aside: {error.strerror or error}")
