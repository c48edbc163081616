"""Attacks by being many: links opened and closed, more of them than there are places, two of one node."""

from __future__ import annotations

from p2pchain.badpeers.answers import Silent
from p2pchain.badpeers.attack import JoinedAttack
from p2pchain.badpeers.peer import BadPeer, Identity, new_identity
from p2pchain.chain.types import ChainId
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import Goodbye


class Churn(JoinedAttack):
    NAME = "churn"
    SUMMARY = "joins, says goodbye, joins again with another key, as fast as it can"
    FAULT = "F19"
    ANSWERS = frozenset({Silent.CLOSED})
    REPEATS = True

    async def strike(self, peer: BadPeer) -> None:
        await peer.say(Goodbye(Reason.SHUTTING_DOWN, "and back in a moment"))
        await peer.hang_up()


class Crowd(JoinedAttack):
    NAME = "crowd"
    SUMMARY = "holds more links than a node has places for those who dialled it"
    FAULT = "F19"
    ANSWERS = frozenset({Silent.HELD, Reason.TOO_MANY_PEERS})
    CONNECTIONS = 100
    SECONDS = 5.0
    APART_S = 0.02
    """Else most of them would push each other out before they have shaken hands."""
    CROWDS = True


class Twins(JoinedAttack):
    NAME = "twins"
    SUMMARY = "joins again and again as the same node: the newest link stays"
    FAULT = "F19"
    ANSWERS = frozenset({Silent.HELD, Reason.ALREADY_CONNECTED})
    APART_S = 0.1

    def __init__(self) -> None:
        self._identity: Identity | None = None

    def identity(self, number: int, chain_id: ChainId) -> Identity | None:  # noqa: ARG002
        self._identity = self._identity or new_identity(chain_id)
        return self._identity


ATTACKS = (Churn, Crowd, Twins)
