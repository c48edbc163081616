"""The active set as a value with an id, so that whoever follows headers learns of its changes without executing a block.

Encoding `[number, since, before, keys]`; its id is the hash of these bytes, and every header names the id of the set above
it.  A set names the id of the one before it: so an id commits to all sets that ever were, and two headers that name one
id have no change between them.  Every set is a row of the state too, by its number, for ever (decision 0053).
"""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.codec import decode_array, encode, require_bytes, require_int
from p2pchain.chain.crypto import Domain, digest
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.params import Params
from p2pchain.chain.state import ActiveDelegate, Globals, Ledger, Table, View
from p2pchain.chain.types import HASH_BYTES, KEY_BYTES, Hash, Height, PublicKey

MEMBERS_MAX = Params.ceiling("delegates")
BYTES_MAX = KEY_BYTES * MEMBERS_MAX + 64


class SetRow(NamedTuple):
    """What is stored, and hashed."""

    number: int
    """0 for the set of the genesis, one more with every change."""
    since: int
    """Height of the block whose children are the first that this set governs."""
    before: bytes
    """Id of the set before; zero for the first."""
    keys: bytes
    """Consensus keys, ascending, concatenated."""


SETS = Table(b"E", SetRow)
"""By number, as 8 bytes big-endian."""


class ActiveSet(NamedTuple):
    """Who votes on the blocks above some block."""

    number: int
    since: Height
    before: Hash
    keys: tuple[PublicKey, ...]

    @property
    def row(self) -> SetRow:
        return SetRow(self.number, self.since, self.before, b"".join(self.keys))

    @property
    def id(self) -> Hash:
        return digest(Domain.SET, encode(self.row))


def set_key(number: int) -> bytes:
    """What a set is stored under in `SETS`."""
    return number.to_bytes(8, "big")


def set_of_row(row: SetRow) -> ActiveSet:
    keys = [row.keys[at : at + KEY_BYTES] for at in range(0, len(row.keys), KEY_BYTES)]
    return ActiveSet(row.number, Height(row.since), Hash(row.before), tuple(map(PublicKey, keys)))


def set_of_globals(totals: Globals) -> ActiveSet:
    """The set that is seated."""
    keys = sorted(PublicKey(member.consensus_key) for member in totals.active)
    return ActiveSet(totals.set_number, Height(totals.set_since), Hash(totals.set_before), tuple(keys))


def seat(totals: Globals, members: tuple[ActiveDelegate, ...], height: int) -> Globals:
    """Seat these above the block at `height`.  The same keys are the same set, whatever their stakes."""
    before = set_of_globals(totals)
    seated = totals._replace(active=members)
    if before.keys == tuple(sorted(member.consensus_key for member in members)):
        return seated
    return seated._replace(set_number=before.number + 1, set_since=height, set_before=before.id)


def decode_set(raw: bytes) -> ActiveSet:
    """The set in its bytes; `Invalid` where they are none, or not the canonical ones."""
    number, since, before, keys = decode_array(raw, what="active set", fields=4, bytes_max=BYTES_MAX)
    joined = require_bytes(keys, what="active set keys", size_max=KEY_BYTES * MEMBERS_MAX)
    row = SetRow(
        require_int(number, what="active set number"),
        require_int(since, what="active set height"),
        require_bytes(before, what="id of the set before", size=HASH_BYTES),
        joined,
    )
    found = set_of_row(row)
    if not joined or len(joined) % KEY_BYTES or list(found.keys) != sorted(set(found.keys)):
        raise Invalid(Code.MALFORMED, f"active set keys have {len(joined)} bytes, keys of {KEY_BYTES} in ascending order wanted")
    return found


def encode_set(active: ActiveSet) -> bytes:
    return encode(active.row)


def store_set(ledger: Ledger, totals: Globals) -> None:
    """Write the seated set as a row of its own."""
    active = set_of_globals(totals)
    ledger.put(SETS, set_key(active.number), active.row)


def load_set(view: View, number: int) -> ActiveSet | None:
    row = SETS.load(view, set_key(number))
    return None if row is None else set_of_row(row)
