"""TOML from anywhere, read without its surprises: the one place that knows the errors of tomllib.

A key of n parts costs it n * n of memory and time (4 kB of `a.a.a...` took 16 MB), and whatever we read has two or
three; numbers may be too long for Python, arrays too deep.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

KEY_PARTS_MAX = 8
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?m)(?:^|[{{,\[])[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{KEY_PARTS_MAX}}}")


class TomlError(ValueError):
    """The text is no TOML that is read here; in one line."""


def loads_toml(text: str) -> dict[str, Any]:
    """Raises `TomlError`, whatever the text."""
    if (long := _LONG_KEY.search(text)) is not None:
        line = text.count("\n", 0, long.end()) + 1
        raise TomlError(f"a key of more than {KEY_PARTS_MAX} parts (at line {line}, column 1)")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TomlError(" ".join(str(error).split())) from None
