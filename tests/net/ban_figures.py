"""What bans cost when every table is full: `.venv/bin/python -m tests.net.ban_figures`."""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path

from p2pchain.chain.consequences import Consequence
from p2pchain.net.ban_records import decode_bans, encode_bans
from p2pchain.net.bans import BANS_MAX, BY_HAND_MAX, TEXT_MAX, Bans
from p2pchain.net.log_budget import CAUSES_MAX, LogBudget
from p2pchain.storage import KeptFile

NOW_MS = 1_700_000_000_000
ROUNDS = 5


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def full() -> Bans:
    bans = Bans()
    for number in range(BANS_MAX):
        host = f"10.{number % 256}.{number // 256}.1"
        bans.punish(key(number), host, Consequence.LIE, "x" * TEXT_MAX, NOW_MS)
        bans.punish(key(number), host, Consequence.VIOLATION, "x" * TEXT_MAX, NOW_MS)
    for number in range(BY_HAND_MAX):
        bans.ban(key(number), 3_600_000, "x" * TEXT_MAX, NOW_MS)
    return bans


def lie(bans: Bans, number: int) -> None:
    bans.punish(key(number), f"10.9.{number % 256}.1", Consequence.LIE, "x" * TEXT_MAX, NOW_MS)


def best_us(act: Callable[[int], object], times: int) -> float:
    """Of one call, the best round of several."""
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for number in range(times):
            act(number)
        rounds.append((time.process_time() - begin) * 1e6 / times)
    return min(rounds)


def main() -> None:
    tracemalloc.start()
    bans = full()
    lines = LogBudget()
    for number in range(2 * CAUSES_MAX):
        lines.take(("invalid_data", str(number)), 0.0)
    kilobytes = tracemalloc.get_traced_memory()[0] / 1_024
    tracemalloc.stop()
    numbers = count(BANS_MAX)
    begin = time.process_time()
    content = encode_bans(bans.kept(NOW_MS))
    encode_ms = (time.process_time() - begin) * 1e3
    with tempfile.TemporaryDirectory() as folder:
        file = KeptFile(Path(folder) / "bans.json", 1 << 22)
        begin = time.perf_counter()
        file.save(content)
        write_ms = (time.perf_counter() - begin) * 1e3
    rows = (
        ("all tables full, in memory", f"{kilobytes:,.0f} KB"),
        (
            "the list on disk",
            f"{len(content) / 1_024:,.0f} KB, encoded in {encode_ms:.0f} ms and synced in {write_ms:.0f} ms of another thread",
        ),
        ("the list gathered by the loop, at most once a second", f"{best_us(lambda _: bans.kept(NOW_MS), 3) / 1e3:.1f} ms"),
        ("the list read at the start", f"{best_us(lambda _: decode_bans(content), 3) / 1e3:.1f} ms"),
        ("is this key banned?", f"{best_us(lambda number: bans.of_newcomer(key(number), '10.0.0.1', NOW_MS), 2_000):.1f} us"),
        ("a lie under a new key", f"{best_us(lambda _: lie(bans, next(numbers)), 500):.0f} us"),
        ("a line that is left out", f"{best_us(lambda number: lines.take(('invalid_data', str(number)), 0.0), 10_000):.1f} us"),
    )
    for what, found in rows:
        sys.stdout.write(f"| {what} | {found} |\n")


if __name__ == "__main__":
    main()
