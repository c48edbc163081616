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

PLAIN_STEPS_MAX = 4
"""Steps that lead over no change of the set: one suffices, and one more where the chain grows meanwhile.  A node that shows every block as
a step of its own would otherwise keep a client busy for ever with nothing but truths."""


class Led(NamedTuple):
    """Where a node led, and by which last step; None where it showed none."""

    point: Point
    last: Step | None


def lead(node: LightNode, start: Point, to_height: int | None, steps: list[Step] | None = None) -> Led:
    """From a point to exactly this height, or to the newest block that the node can prove; `steps` gets all that were taken."""
    what = "the way to " + ("its newest final block" if to_height is None else f"block {to_height}")
    led, goal, plain = Led(start, None), to_height, 0
    while goal is None or led.point.subject.height < goal:
        page = node.page(led.point.subject.height, to_height)
        if goal is None:
            goal = page.final_height  # not what is final by the time of the next page: the chain may grow faster than it is followed
        if not page.steps:
            _require_led(node, what, led.point, page.final_height, to_height)
            break
        for step in page.steps:
            led = Led(node.follow(led.point, step, what), step)
            plain += not step.sets
            if steps is not None:
                _keep(steps, step)
        if plain > PLAIN_STEPS_MAX:
            why = f"{plain} steps lead over no change of the set, {PLAIN_STEPS_MAX} at most wanted: it keeps the client busy"
            raise NodeFailedError(node.url, what, why)
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
