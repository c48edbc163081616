"""Which keys were made in this home and have signed nothing: the difference between a new delegate and a restored one.

A new delegate may sign at once.  One whose key comes from a backup or another machine has a past that this home does not
know, and must be silent until that is decided (docs/consensus.md).  The mark lies in `signing/`, which is in no backup
and is never copied, so a key that moves leaves its mark behind.
"""

from __future__ import annotations

from pathlib import Path

from p2pchain.config import Home


def mark_unused(home: Home, public_key: bytes) -> None:
    """This key has just been made here."""
    home.signing.mkdir(mode=0o700, parents=True, exist_ok=True)
    _mark(home, public_key).touch(mode=0o600)


def take_mark(home: Home, public_key: bytes) -> bool:
    """Whether it is marked; from now on it is not."""
    is_marked = _mark(home, public_key).exists()
    _mark(home, public_key).unlink(missing_ok=True)
    return is_marked


def _mark(home: Home, public_key: bytes) -> Path:
    return home.signing / f"unused-{public_key.hex()}"
