"""Whether a recovery can stand in a node: what its final blocks and its lock say against it."""

from __future__ import annotations

from typing import Protocol

from p2pchain.chain.block import decode_header
from p2pchain.chain.recovery import Recovery, UnfitRecoveryError
from p2pchain.chain.types import BlockId, PublicKey
from p2pchain.chain.votes import Subject
from p2pchain.chain.voting import SignState
from p2pchain.node.ports import FinalHeader


class Finals(Protocol):
    """The final blocks of a store."""

    def final_headers(self, from_height: int, limit: int, bytes_max: int) -> list[FinalHeader]: ...

    def final_height(self, block: BlockId) -> int | None: ...


def validate_chain(recovery: Recovery, final: Subject, finals: Finals) -> None:
    """A final block never goes back (S4): `UnfitRecoveryError` where the base asks for it."""
    base = recovery.base
    if final.height < base.height:
        return
    if finals.final_height(base.block) != base.height:
        raise UnfitRecoveryError(
            f"at height {base.height} another block than the base is final on this node ({base.block.hex()} wanted):"
            " move its data folder away and sync again, if you believe the recovery"
        )
    above = finals.final_headers(base.height + 1, 1, 1)
    slot = decode_header(above[0].raw).slot if above else recovery.from_slot
    if slot < recovery.from_slot:
        raise UnfitRecoveryError(
            f"on this node a block of slot {slot} is final above the base, the recovery begins with slot {recovery.from_slot}:"
            " the base was chosen without this node's record; draft again with it"
        )


def validate_lock(recovery: Recovery, key: PublicKey | None, sign: SignState | None) -> None:
    """A signer that is locked above the base, by the rules before it, would vote for nothing that the recovery makes."""
    if key not in recovery.signers or sign is None:
        return
    if recovery.base.slot < sign.lock.slot < recovery.from_slot:
        raise UnfitRecoveryError(
            f"this delegate is locked on a block of slot {sign.lock.slot}, the base has slot {recovery.base.slot}:"
            " the base was chosen without its record; draft again with it"
        )
