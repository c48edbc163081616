"""What an action sees besides its own fields, and what most actions have in common."""

from __future__ import annotations

from typing import NamedTuple

from p2pchain.chain.crypto import SignatureCheck
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.state import Ledger
from p2pchain.chain.types import ChainId


class Context(NamedTuple):
    """The ledger as the transaction's earlier actions left it, and where the transaction stands."""

    ledger: Ledger
    spec: ChainSpec
    params: Params
    """In force for this block."""
    sender: bytes
    height: int
    slot: int


class Plain:
    """The common case: takes nothing out of the balance but the fee, needs no signature but the sender's."""

    __slots__ = ()

    @property
    def spends(self) -> int:
        """Coins that leave the sender's balance besides the fee, at most."""
        return 0

    def signature_checks(self, sender: bytes, chain_id: ChainId) -> list[SignatureCheck]:  # noqa: ARG002  (kinds with a proof of their own use both)
        """Signatures inside the action, besides the sender's over the transaction."""
        return []
