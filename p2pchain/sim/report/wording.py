"""Words of a page: escaped, bounded, and with units."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

TEXT_LETTERS_MAX = 4_000
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(value: object) -> str:
    """Any text as text, in an element or an attribute."""
    text = _NOT_IN_XML.sub("\ufffd", str(value))
    return html.escape(text if len(text) <= TEXT_LETTERS_MAX else text[:TEXT_LETTERS_MAX] + " ...")


def listed(fields: Mapping[str, object], *but: str) -> str:
    """Fields that have no words of their own."""
    return ", ".join(f"{name} {value}" for name, value in fields.items() if name not in but)


def seconds(ms: int) -> str:
    return f"{ms / 1000:.3f} s"


def titled(element: str, words: str) -> str:
    """An element that was left open, with its tooltip."""
    return f"{element}<title>{escaped(words)}</title></{name_of(element)}>"


def name_of(element: str) -> str:
    return element[1:].split(" ", 1)[0]
