"""What the engine publishes, as events of the API and as lines of the log."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from p2pchain.api.events import EventHub
from p2pchain.daemon.ending import Ending
from p2pchain.node.effects import BlockFinal, ContradictionSeen, HeadChanged, Noted, ProtocolOutgrown, Publication, SlotMissed


def publish_everywhere(hub: EventHub, ending: Ending, logger: FilteringBoundLogger, publication: Publication) -> None:
    hub.publish(publication)
    match publication:
        case BlockFinal(block, latency_ms):
            header = block.header
            counted = len(block.transactions)
            logger.info("block final", height=header.height, slot=header.slot, transactions=counted, latency_ms=latency_ms)
        case HeadChanged(subject):
            logger.debug("head changed", height=subject.height, slot=subject.slot)
        case SlotMissed(slot, delegate, reason, code):
            logger.info("slot missed", slot=slot, delegate=delegate, reason=reason.value, code=code)
        case Noted(level, event, fields):
            logger.log({"info": 20, "warning": 30}[level], event, **fields)
        case ContradictionSeen(offence):
            logger.warning("contradicting signatures seen", voter=offence.key, slot=offence.slot, what=offence.kind.value)
        case ProtocolOutgrown(version, height, supported):
            logger.error("protocol outgrown", wanted=version, height=height, supported=supported)
            ending.outgrow(publication)
