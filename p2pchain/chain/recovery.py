"""Going on without delegates that are gone for good: what a recovery says, when it fits, and what it does.

A recovery names a base block, and delegates that are removed above it.  It never travels between nodes and proves
nothing by itself: each operator installs it, and thereby believes that the removed are gone for good and that the base
was chosen from the records of all others.  With it the base is final, and the first block above it is executed on a
state from which the removed are gone (docs/recovery.md; the argument for S1 in docs/decisions/0027).

Body `[base_slot, base_height, base_block, from_slot, accept_loss, [removed account, ...], [signer key, ...]]`, both
lists in ascending order; every signer signs it in the domain `p2pchain/recovery/1`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.active_set import seat, store_set
from p2pchain.chain.codec import encode
from p2pchain.chain.crypto import Domain, SignatureCheck, Signer, digest, signed_message, verify_batch
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.schedule import Schedule, quorum
from p2pchain.chain.state import CANDIDATES, DELEGATES, GLOBALS, ActiveDelegate, Globals, Ledger, Single, View
from p2pchain.chain.terms import load_terms
from p2pchain.chain.types import KEY_BYTES, BlockId, ChainId, Hash, PublicKey, Round, Signature, Slot
from p2pchain.chain.votes import Subject


class UnfitRecoveryError(Exception):
    """An installed recovery contradicts the chain that it was installed for: the node ends, its operator must look."""


class Recovery(NamedTuple):
    """A recovery document."""

    chain_id: ChainId
    base: Subject
    """The newest block that stays; final by this document."""
    from_slot: Slot
    """The first slot above the base: later than anything that a signer has voted for."""
    accept_loss: bool
    """Said where so many are gone that blocks which only they had confirmed may be lost."""
    removed: tuple[bytes, ...]
    """Accounts of the delegates that are gone, active or standby."""
    signers: tuple[PublicKey, ...]
    """Who must sign: the delegates that remain of every set that could have made a block above the base final."""
    signatures: Mapping[PublicKey, Signature]

    @property
    def body(self) -> bytes:
        return encode((*self.base, self.from_slot, int(self.accept_loss), self.removed, self.signers))

    @property
    def id(self) -> Hash:
        """Names the document, whoever has signed it so far."""
        return digest(Domain.RECOVERY, self.chain_id + self.body)

    @property
    def missing(self) -> list[PublicKey]:
        """The signers who have not signed yet."""
        return [key for key in self.signers if key not in self.signatures]

    def signed(self, signer: Signer) -> Recovery:
        """The document with one signature more."""
        signature = signer.sign(Domain.RECOVERY, self.chain_id, self.body)
        return self._replace(signatures={**self.signatures, signer.public_key: signature})


class Recoveries:
    """The recoveries that were installed on a node.  Of two with one base the one from the later slot holds."""

    def __init__(self, items: Iterable[Recovery] = ()) -> None:
        ordered = sorted(items, key=lambda item: (item.base.height, item.from_slot))
        self._by_base = {item.base.block: item for item in ordered}

    def __iter__(self) -> Iterator[Recovery]:
        return iter(self._by_base.values())

    def __bool__(self) -> bool:
        return bool(self._by_base)

    def at(self, block: BlockId) -> Recovery | None:
        """The recovery with this base."""
        return self._by_base.get(block)

    def next_above(self, height: int) -> Recovery | None:
        """The recovery with the lowest base above a height."""
        for item in self._by_base.values():
            if item.base.height > height:
                return item
        return None


def validate_shape(recovery: Recovery) -> None:
    """What can be judged without the chain; the signatures that are there are checked, none is asked for."""
    for name, items in (("removed", recovery.removed), ("signers", recovery.signers)):
        _require(bool(items), f"{name} is empty, at least one wanted")
        _require(all(len(item) == KEY_BYTES for item in items), f"{name} holds something that has not {KEY_BYTES} bytes")
        _require(all(a < b for a, b in pairwise(items)), f"{name} is not in strictly ascending order")
    least = recovery.base.slot + 1
    _require(recovery.from_slot >= least, f"from_slot is {recovery.from_slot}, at least {least} wanted, the slot after the base")
    strangers = sorted(key for key in recovery.signatures if key not in recovery.signers)
    _require(not strangers, f"it is signed by {_names(strangers)}, which it does not name as a signer")
    message = signed_message(Domain.RECOVERY, recovery.chain_id, recovery.body)
    keys = list(recovery.signatures)
    valid = verify_batch(SignatureCheck(key, message, recovery.signatures[key]) for key in keys)
    wrong = [key for key, is_valid in zip(keys, valid, strict=True) if not is_valid]
    _require(not wrong, f"the signature of {_names(wrong)} is not its signer's over this document")


def validate_complete(recovery: Recovery) -> None:
    """Whether all have signed."""
    validate_shape(recovery)
    _require(not recovery.missing, f"the signature of {_names(recovery.missing)} is missing: all signers must sign before it is installed")


def validate_fit(recovery: Recovery, subject: Subject, view: View) -> None:
    """Whether it may stand above its base, once that is known; `UnfitRecoveryError` otherwise."""
    if recovery.base != subject:
        raise UnfitRecoveryError(
            f"{_title(recovery)} says slot {recovery.base.slot}, height {recovery.base.height}: its block has {subject}"
        )
    unknown = [account for account in recovery.removed if DELEGATES.load(view, account) is None]
    if unknown:
        raise UnfitRecoveryError(f"{_title(recovery)} removes {_names(unknown)}: no delegate of this network")
    totals = _totals(view)
    remaining = remaining_of(totals.active, recovery.removed)
    if not remaining:
        raise UnfitRecoveryError(f"{_title(recovery)} removes all {len(totals.active)} active delegates: at least one must remain")
    unasked = [member.consensus_key for member in remaining if member.consensus_key not in recovery.signers]
    if unasked:
        raise UnfitRecoveryError(f"{_title(recovery)} is not signed by {_names(unasked)}: every active delegate that remains must sign")
    if loses_finality(totals.active, recovery.removed) and not recovery.accept_loss:
        gone = len(totals.active) - len(remaining)
        raise UnfitRecoveryError(f"{_title(recovery)} removes {gone} of {len(totals.active)}, which is a quorum, without accept_loss")


def apply_recovery(ledger: Ledger, recovery: Recovery) -> Globals:
    """The removed are retired and lose their seats, a new round of the others begins.  Nobody's coins are touched."""
    ids = [account for account in candidate_ids(ledger.get(CANDIDATES)) if account not in recovery.removed]
    ledger.put(CANDIDATES, b"", Single(b"".join(ids)))
    for account in recovery.removed:
        row = ledger.get(DELEGATES, account)
        assert row is not None, "a fitting recovery removes registered delegates"
        ledger.put(DELEGATES, account, row._replace(retired=recovery.from_slot))
    totals = ledger.get(GLOBALS)
    assert totals is not None, "the globals row is written by the genesis"
    passed = max(0, recovery.from_slot - totals.round_start_slot) // len(totals.active)
    totals = seat(totals, remaining_of(totals.active, recovery.removed), recovery.base.height)._replace(
        round=Round(totals.round + passed + 1),
        round_start_slot=recovery.from_slot,
        seed=totals.next_seed,
    )
    ledger.put(GLOBALS, b"", totals)
    store_set(ledger, totals)
    ledger.keep()
    return totals


def recovered_schedule(recovery: Recovery, view: View) -> Schedule:
    """The schedule above the base: `view` is the base's state."""
    return Schedule(apply_recovery(Ledger(view), recovery), load_terms(view))


def remaining_of(members: Iterable[ActiveDelegate], removed: Collection[bytes]) -> tuple[ActiveDelegate, ...]:
    return tuple(member for member in members if member.account not in removed)


def loses_finality(members: Collection[ActiveDelegate], removed: Collection[bytes]) -> bool:
    """Whether the removed are a quorum: they could have made a block final that no other has ever heard of."""
    return len(members) - len(remaining_of(members, removed)) >= quorum(len(members))


def _totals(view: View) -> Globals:
    totals = GLOBALS.load(view)
    assert totals is not None, "the globals row is written by the genesis"
    return totals


def _title(recovery: Recovery) -> str:
    return f"the recovery {recovery.id.hex()[:16]} at height {recovery.base.height}"


def _names(items: Iterable[bytes]) -> str:
    return ", ".join(item.hex() for item in items)


def _require(holds: object, words: str) -> None:
    if not holds:
        raise Invalid(Code.BAD_RECOVERY, words)
