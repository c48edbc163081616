"""What targets claim in common: which errors may come, that they say what was wrong, and that one value has one encoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

REASON_LETTERS_MAX = 300
"""A refusal becomes a line of a log and of an answer: a stranger must not make it long."""
_DETAIL = re.compile(r"b?'.*'|b?\".*\"|b?['\"].*|[0-9a-f]{6,}|-?[0-9]+")
_SAYS_WHAT_IS_WRONG = re.compile(
    r"\b(wanted|allowed|not|no|none|nothing|other|another|wrong|mixes|differs?|beyond|unknown|same|says|gives|this|commits|after|cannot|"
    r"damaged|low order|it is|itself|names)\b"
)
"""A refusal that only repeats what it found helps nobody."""


def read(decode: Callable[[bytes], T], data: bytes, *refusals: type[Exception]) -> T | str:
    """The value, or what the refusal says; any other error is a finding."""
    try:
        return decode(data)
    except refusals as refusal:
        return told(refusal)


def told(refusal: object, *, letters_max: int = REASON_LETTERS_MAX, is_judged: bool = True) -> str:
    """The refusal without its details, once it has been seen to be one printable line that says what was wrong.

    What is said to operators of their own files is not judged by its words.
    """
    text = str(refusal)
    assert text.isprintable(), f"a refusal is not one printable line: {text[:200]!r}"
    assert len(text) <= letters_max, f"a refusal has {len(text)} letters, at most {letters_max} wanted: {text[:200]!r}"
    assert not is_judged or _SAYS_WHAT_IS_WRONG.search(text), f"a refusal does not say what is wrong: {text!r}"
    return _DETAIL.sub("#", text)


def is_canonical(again: bytes, data: bytes) -> bool:
    """S8: `encode(decode(data)) == data`."""
    assert again == data, f"accepted {data[:100]!r} ({len(data)} bytes), which encodes as {again[:100]!r} ({len(again)} bytes)"
    return True
