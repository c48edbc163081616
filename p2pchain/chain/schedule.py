"""Who is elected, and who may produce in which slot.

The set that governs a block is a function of its parent's state alone, never of the block's slot: whoever competes
above one parent is judged by one set.  A round has one slot for each active delegate.  The block that closes a
round (the first at or after its last slot) elects the next set from the state it leaves behind; rounds that pass
without a block repeat the set in a new order.

Order within a round: active delegates sorted by a hash of (seed, round, account), one slot each.  The seed is a hash
chain over the slots of all blocks and the values that they reveal (`chain.reveal`), taken when the round before is
closed.  So the order of a round is known to all from then on, and to nobody before.

What bias is left: a producer cannot choose its value, it can only withhold it, with its block and what that earns.
That is one bit for each slot of its own, and worth something only to who knows all values after it, up to the one
that closes the round: a delegate in the last slot, or k colluding ones in the k last slots, who choose among 2**k
seeds, all but one of which cost blocks.  The seed decides order alone, never who sits: everybody has one slot in a
round whatever it is.  Decision 0024 has the figures.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.active_set import ActiveSet, seat, set_of_globals
from p2pchain.chain.crypto import Domain, digest
from p2pchain.chain.params import Params
from p2pchain.chain.state import CANDIDATES, DELEGATES, GLOBALS, ActiveDelegate, Globals, Ledger, View
from p2pchain.chain.terms import Terms, load_terms
from p2pchain.chain.types import Hash, PublicKey, Round, Slot


class Turn(NamedTuple):
    """One slot of the schedule."""

    slot: Slot
    round: Round
    delegate: ActiveDelegate


class Schedule:
    """What rules above one block: who leads each later slot, who votes, and by which terms."""

    __slots__ = ("_orders", "active", "active_set", "keys", "round", "seed", "set_id", "start_slot", "terms")

    _ORDERS_MAX = 4
    """Orders kept: callers ask for the current round and the next."""

    def __init__(self, totals: Globals, terms: Terms, below: Schedule | None = None) -> None:
        """`below` is the schedule that the block itself was made by: as a rule its set goes on, and need not be hashed again."""
        self.terms = terms
        """Version and parameters that judge the blocks above."""
        self.round = totals.round
        self.start_slot = totals.round_start_slot
        self.seed = totals.seed
        self.active = totals.active
        goes_on = below is not None and below.active_set.number == totals.set_number
        self.active_set: ActiveSet = below.active_set if below is not None and goes_on else set_of_globals(totals)
        self.set_id: Hash = below.set_id if below is not None and goes_on else self.active_set.id
        self.keys: frozenset[PublicKey] = frozenset(self.active_set.keys)
        self._orders: dict[int, list[ActiveDelegate]] = {}

    @classmethod
    def load(cls, view: View) -> Schedule:
        """The schedule above the block that `view` is the state of."""
        totals = GLOBALS.load(view)
        assert totals is not None, "the globals row is written by the genesis"
        return cls(totals, load_terms(view))

    def turn(self, slot: int) -> Turn:
        """Whose slot it is.  Slots before the round's first belong to nobody's future and are not asked for."""
        assert slot >= self.start_slot, f"slot {slot} lies before the round's first slot {self.start_slot}"
        rounds, place = divmod(slot - self.start_slot, len(self.active))
        number = self.round + rounds
        return Turn(Slot(slot), Round(number), self._order(number)[place])

    def closes_round(self, slot: int) -> bool:
        """Whether a block in this slot is at or after the last slot of the round."""
        return slot >= self.start_slot + len(self.active) - 1

    def _order(self, number: int) -> list[ActiveDelegate]:
        order = self._orders.get(number)
        if order is None:
            salt = self.seed + number.to_bytes(8, "big")
            order = sorted(self.active, key=lambda member: digest(Domain.SHUFFLE, salt + member.account))
            if len(self._orders) >= self._ORDERS_MAX:
                self._orders.clear()
            self._orders[number] = order
        return order


def quorum(members: int) -> int:
    """Votes that decide: more than two thirds of the members."""
    return 2 * members // 3 + 1


def elect(ledger: Ledger, params: Params, seated: tuple[ActiveDelegate, ...]) -> tuple[ActiveDelegate, ...]:
    """The first registered delegates by weight, as many as there are seats; ties go to the smaller account id.

    Who was demoted stands behind all who were not: it loses its seat to a standby, never to an empty chair.

    Weight is delegated stake over total stake; as the divisor is common, the stakes themselves are compared.  A seat
    takes at least `stake_min`: nobody votes for the price of a registration.  Where nobody has that much, those who
    sit stay, because a chain without delegates could never elect any again; of them even the convicted, if no other sits.
    """
    candidates = []
    for account in candidate_ids(ledger.get(CANDIDATES)):
        delegate = ledger.get(DELEGATES, account)
        assert delegate is not None, "every candidate is a registered delegate"
        if delegate.stake >= params.stake_min:
            candidates.append((delegate.demoted, ActiveDelegate(account, delegate.consensus_key, delegate.stake)))
    candidates.sort(key=lambda item: (item[0], -item[1].stake, item[1].account))
    return tuple(member for _, member in candidates[: params.delegates]) or _seated_still(ledger, seated) or seated


def _seated_still(ledger: Ledger, seated: tuple[ActiveDelegate, ...]) -> tuple[ActiveDelegate, ...]:
    """Those who sit and were not convicted."""
    rows = [(member, ledger.get(DELEGATES, member.account)) for member in seated]
    return tuple(member for member, row in rows if row is not None and not row.convicted_slot)


NEWCOMER_BLOCKS = 4
"""Blocks that each new member of the set costs."""
TURNOVER_BLOCKS_MAX = 700
"""How far ahead of its height a chain may spend: a whole set of 101 at once, or 175 single changes."""


def limit_turnover(totals: Globals, elected: tuple[ActiveDelegate, ...], height: int) -> Globals:
    """Seat those elected by the block at `height`, unless too many new ones took seats too lately: then those who sit stay.

    A certificate needs every set on the way from a final block, 512 blocks at most (`tree`).  New members in the
    511 elections between are at most (700 + 510) / 4 = 302; with a first set of 101 that makes 403 different voters,
    and VOTERS_MAX is 404.
    """
    newcomers = {member.consensus_key for member in elected} - {member.consensus_key for member in totals.active}
    if not newcomers:
        return seat(totals, elected, height)
    turnover = max(totals.turnover, height) + NEWCOMER_BLOCKS * len(newcomers)
    return seat(totals, elected, height)._replace(turnover=turnover) if turnover <= height + TURNOVER_BLOCKS_MAX else totals


def next_seed(seed: bytes, slot: int, reveal: bytes) -> bytes:
    """The seed after a block in `slot` that reveals `reveal`."""
    return digest(Domain.SEED, seed + slot.to_bytes(8, "big") + reveal)
