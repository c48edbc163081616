"""What every route may use."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pchain.api.events import EventHub
from p2pchain.api.ports import Clock, Logger, Reads, Submits
from p2pchain.api.request_tally import RequestTally
from p2pchain.api.settings import ApiSettings
from p2pchain.api.submission import Admission
from p2pchain.api.views import Addresses
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.params import ChainSpec


@dataclass(slots=True)
class Context:
    settings: ApiSettings
    """Replaced as a whole when the operator changes them; everything else stays for life."""
    queries: Reads
    inlet: Submits
    hub: EventHub
    genesis: Genesis
    spec: ChainSpec
    clock: Clock
    logger: Logger
    addresses: Addresses
    admission: Admission
    requests: RequestTally = field(default_factory=RequestTally)
