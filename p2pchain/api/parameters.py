"""Path and query parameters as values; whatever is not as wanted says what was found and what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from starlette.requests import HTTPConnection

from p2pchain.api.errors import ApiError
from p2pchain.chain.types import HASH_BYTES

_Choice = TypeVar("_Choice", bound=str)

INTEGER_MAX = 2**63 - 1
_DIGITS_MAX = 19
_SHOWN_MAX = 100


def query_of(connection: HTTPConnection, *names: str) -> dict[str, str]:
    """The query parameters, each known by name and given once: a mistyped name is an error, not a default."""
    found: dict[str, str] = {}
    for name, value in connection.query_params.multi_items():
        if name not in names:
            wanted = ", ".join(names) or "none"
            raise _bad(name, f"query parameter '{name[:_SHOWN_MAX]}' is unknown here, wanted: {wanted}", name, wanted)
        if name in found:
            raise _bad(name, f"query parameter '{name}' is given twice, once wanted", value, "once")
        found[name] = value
    return found


def integer(query: dict[str, str], name: str, default: int, *, low: int = 0, high: int = INTEGER_MAX) -> int:
    text = query.get(name)
    if text is None:
        return default
    value = parse_integer(text)
    if value is None or not low <= value <= high:
        wanted = f"an integer from {low} to {high}"
        raise _bad(name, f"{name} is '{text[:_SHOWN_MAX]}', {wanted} wanted", text, wanted)
    return value


def choice(query: dict[str, str], name: str, choices: Sequence[_Choice]) -> _Choice:
    """One of `choices`; the first of them is the default."""
    text = query.get(name, choices[0])
    for each in choices:
        if text == each:
            return each
    wanted = " or ".join(choices)
    raise _bad(name, f"{name} is '{text[:_SHOWN_MAX]}', {wanted} wanted", text, wanted)


def parse_integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else None


def parse_hash(text: str) -> bytes | None:
    if len(text) != 2 * HASH_BYTES or not text.isalnum():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def bad_path(name: str, found: str, wanted: str) -> ApiError:
    return _bad(name, f"'{found[:_SHOWN_MAX]}' is no {name}: {wanted} wanted", found, wanted)


def _bad(parameter: str, message: str, found: str, wanted: str) -> ApiError:
    shown = {"parameter": parameter[:_SHOWN_MAX], "found": found[:_SHOWN_MAX], "wanted": wanted}
    return ApiError(400, "bad_parameter", message, **shown)
