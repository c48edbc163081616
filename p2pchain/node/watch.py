"""Watching what delegates sign, for two messages that contradict each other.

Every verified ballot and header of a known delegate passes here first, also one that comes too late to count: the second
half of a contradiction usually does.  What is found is kept for whoever wants to submit it as evidence.

Messages are kept as values, and encoded once one proves something: nearly all of them never do.

Bounds: of each key and kind the newest slots, one message each; of contradictions one for each key, the newest, and of
these the last few.  All of it is forgotten when the node ends.
"""

from __future__ import annotations

from collections import OrderedDict

from p2pchain.chain.evidence import Offence, Said, Signed, encode_signed, in_order, offence_of, says_same
from p2pchain.chain.types import PublicKey, Slot

SLOTS_MAX = 64
"""Of each key and kind: half a minute of slots, and 11 MB at most with 101 delegates that sign in every one."""
KEYS_MAX = 404
"""As many as may sign a certificate: those of the sets that govern unfinal blocks, however often they changed."""
_TOLD = None
"""In place of the message of a slot in which a contradiction was found: more of them would teach nothing but fill the log."""
PAIRS_MAX = 128
"""A quarter more than there are delegates; one conviction each is all there ever is."""


class Watch:
    """The newest signed messages of each delegate, and the contradictions among them."""

    def __init__(self) -> None:
        self._heard: OrderedDict[PublicKey, dict[Said, dict[Slot, Signed | None]]] = OrderedDict()
        self._pairs: OrderedDict[PublicKey, tuple[Offence, tuple[bytes, bytes]]] = OrderedDict()

    def pairs(self) -> dict[Offence, tuple[bytes, bytes]]:
        """The contradictions, oldest first, each as the two messages in their order."""
        return dict(self._pairs.values())

    def hear(self, signed: Signed) -> tuple[bytes, bytes] | None:
        """Take a signed message that was verified; a pair where it is the first to contradict an earlier one."""
        offence = offence_of(signed)
        slots = self._slots_of(offence)
        if offence.slot not in slots:
            slots[offence.slot] = signed
            if len(slots) > SLOTS_MAX:
                del slots[min(slots)]
            return None
        known = slots[offence.slot]
        if known is _TOLD or says_same(known, signed):
            return None
        slots[offence.slot] = _TOLD
        pair = in_order(encode_signed(known), encode_signed(signed))
        self._pairs[offence.key] = (offence, pair)
        self._pairs.move_to_end(offence.key)
        if len(self._pairs) > PAIRS_MAX:
            self._pairs.popitem(last=False)
        return pair

    def has_heard(self, signed: Signed) -> bool:
        """Whether hearing this would teach nothing, because it was heard before."""
        offence = offence_of(signed)
        kinds = self._heard.get(offence.key)
        if kinds is None:
            return False
        slots = kinds[offence.kind]
        return offence.slot in slots and slots[offence.slot] in (signed, _TOLD)

    def _slots_of(self, offence: Offence) -> dict[Slot, Signed | None]:
        kinds = self._heard.get(offence.key)
        if kinds is None:
            kinds = self._heard[offence.key] = {said: {} for said in Said}
        self._heard.move_to_end(offence.key)
        if len(self._heard) > KEYS_MAX:
            self._heard.popitem(last=False)
        return kinds[offence.kind]
