"""Foreign JSON as the values that are checked: steps, points and proofs, in hex as the API gives them and files keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2pchain.chain.errors import brief, shown
from p2pchain.chain.following import Step
from p2pchain.client.answers import Json


class ShapeError(ValueError):
    """A foreign value is not what it should be; one line."""


def bytes_of(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise ShapeError(f"{name} is {shown(value)}, hex digits wanted")
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise ShapeError(f"{name} is no hex ({brief(error)})") from None


def whole_of(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ShapeError(f"{name} is {shown(value)}, a whole number wanted")
    return value


def object_of(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ShapeError(f"{name} is {shown(value)}, an object wanted")
    return value


def list_of(value: object, name: str, most: int) -> Sequence[object]:
    if not isinstance(value, list):
        raise ShapeError(f"{name} is {shown(value)}, a list wanted")
    if len(value) > most:
        raise ShapeError(f"{name} has {len(value)} items, at most {most} wanted")
    return value


def step_of(value: object, sets_max: int) -> Step:
    fields = object_of(value, "step")
    sets = list_of(fields.get("sets"), "sets of a step", sets_max)
    header, certificate = bytes_of(fields.get("header"), "header"), bytes_of(fields.get("certificate"), "certificate")
    return Step(header, certificate, tuple(bytes_of(each, "set") for each in sets))


def step_json(step: Step) -> Json:
    return {"header": step.header.hex(), "certificate": step.certificate.hex(), "sets": [each.hex() for each in step.sets]}
