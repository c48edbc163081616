"""Two proofs that contradict each other: what to tell, and to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.chain.following import Point
from p2pchain.chain.votes import decode_certificate
from p2pchain.client.answers import Json
from p2pchain.client.light.errors import ConflictError, NodeFailedError
from p2pchain.client.light.node import LightNode
from p2pchain.client.light.reading import step_json
from p2pchain.client.light.way import Led, lead


class Offer(NamedTuple):
    """How far one node led."""

    node: LightNode
    led: Led

    @property
    def height(self) -> int:
        return self.led.point.subject.height


def agreed(start: Point, offers: Sequence[Offer]) -> Point:
    """The farthest point, once no other contradicts it: where another node is behind, the farthest is asked for that height too."""
    best = max(offers, key=lambda offer: offer.height)
    for offer in offers:
        if offer is best or offer.led.last is None:
            continue
        rival = best
        if offer.height < best.height:
            try:
                rival = Offer(best.node, lead(best.node, start, offer.height))
            except NodeFailedError:
                continue  # it has no confirms of its own there, so the two cannot be compared
        _require_same(rival, offer)
    return best.led.point


def _require_same(one: Offer, other: Offer) -> None:
    """`ConflictError` where two final blocks of one height are not the same."""
    first, second = one.led, other.led
    if first.point.subject == second.point.subject or first.last is None or second.last is None:
        return
    signers = [decode_certificate(step.certificate).signatures.keys() for step in (first.last, second.last)]
    evidence: Json = {
        "height": one.height,
        "first": {"node": one.node.url, "hash": first.point.subject.block.hex()} | step_json(first.last),
        "second": {"node": other.node.url, "hash": second.point.subject.block.hex()} | step_json(second.last),
        "signed_both": [key.hex() for key in sorted(signers[0] & signers[1])],
    }
    raise ConflictError(one.height, (one.node.url, other.node.url), evidence)
