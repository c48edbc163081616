"""Following the steps that a node shows, as far as they hold."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.following import Point, Step
from p2pchain.chain.votes import Subject
from p2pchain.client.light.bundle import STEPS_MAX
from p2pchain.client.light.errors import NodeFailedError, TrustError
from p2pchain.client.light.node import LightNode

UNCONFIRMED_MAX = 512
"""So far may a final block lie above the last one with confirms of its own (decision 0013); whoever claims more owes a step."""


class Led(NamedTuple):
    """Where a node led, and by which last step; None where it showed none."""

    point: Point
    last: Step | None


def lead(node: LightNode, start: Point, to_height: int | None, steps: list[Step] | None = None) -> Led:
    """From a point to exactly this height, or to the newest block that the node can prove; `steps` gets all that were taken."""
    what = "the way to " + ("its newest final block" if to_height is None else f"block {to_height}")
    led = Led(start, None)
    while to_height is None or led.point.subject.height < to_height:
        page = node.page(led.point.subject.height, to_height)
        if not page.steps:
            _require_led(node, what, led.point, page.final_height, to_height)
            break
        for step in page.steps:
            led = Led(node.follow(led.point, step, what), step)
            if steps is not None:
                _keep(steps, step)
    return led


def lead_to(node: LightNode, start: Point, target: Subject, steps: list[Step] | None = None) -> Point:
    """From a point to the block that a proof of this node ends at."""
    if start.subject == target:
        return start
    point = lead(node, start, target.height, steps).point
    if point.subject != target:
        found, wanted = point.subject, f"{target.height}:{target.block.hex()}"
        raise NodeFailedError(node.url, "its proof", f"it ends at block {wanted}, and {found.height}:{found.block.hex()} is final")
    return point


def _require_led(node: LightNode, what: str, point: Point, said: int, to_height: int | None) -> None:
    """Whether a node that shows no step needs none."""
    known = point.subject.height
    if said < known:
        raise NodeFailedError(node.url, what, f"it is behind: it says that height {said} is final, {known} was proven")
    if to_height is not None or said > known + UNCONFIRMED_MAX:
        raise NodeFailedError(node.url, what, f"it says that height {said} is final and shows no proof beyond height {known}")


def _keep(steps: list[Step], step: Step) -> None:
    steps.append(step)
    if len(steps) > STEPS_MAX:
        raise TrustError(f"the way has more than {STEPS_MAX} steps: trust a newer block")
