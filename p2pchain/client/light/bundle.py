"""A proof that needs no network: the way from a trusted point to a final block, and what is shown there.

JSON, so that anybody can look at it; what is checked is in hex.  `from` is null where the way begins at the genesis, else the
header and the set of the block that the checker must trust.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from p2pchain.chain.errors import Invalid
from p2pchain.chain.following import SETS_MAX, Point, Step, checkpoint, follow_all, genesis_point
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.proof_files import Proof, decode_proof, encode_proof
from p2pchain.chain.types import ChainId
from p2pchain.client.answers import Json
from p2pchain.client.errors import ClientError
from p2pchain.client.light.errors import TrustError
from p2pchain.client.light.reading import ShapeError, bytes_of, list_of, object_of, step_json, step_of, whole_of

FORMAT = 1
STEPS_MAX = 65_536
"""Of one file: as many changes of the set."""
BYTES_MAX = 256 << 20

Trusted = tuple[int, bytes]
"""Height and block id."""


class BundleError(ClientError):
    """A file that proves nothing; one line."""


@dataclass(frozen=True, slots=True)
class Base:
    """The block that a way begins at: whoever checks it trusts its id."""

    header: bytes
    active: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that is needed to check one proof, beside the trusted point."""

    chain_id: ChainId
    base: Base | None
    steps: tuple[Step, ...]
    proof: Proof

    def dumps(self) -> str:
        base = None if self.base is None else {"header": self.base.header.hex(), "set": self.base.active.hex()}
        steps = [step_json(step) for step in self.steps]
        fields = {"format": FORMAT, "chain_id": self.chain_id.hex(), "from": base, "steps": steps, "proof": encode_proof(self.proof).hex()}
        return json.dumps(fields, indent=1)

    def verify(self, genesis: Genesis | None, trusted: Sequence[Trusted]) -> Point:
        """The final block where the way ends; `BundleError` where it does not hold, `TrustError` where it begins elsewhere."""
        begin = self._begin(genesis, trusted)
        try:
            return follow_all(begin, self.steps, self.chain_id)
        except Invalid as error:
            raise BundleError(str(error)) from None

    def _begin(self, genesis: Genesis | None, trusted: Sequence[Trusted]) -> Point:
        if genesis is not None and genesis.chain_id != self.chain_id:
            raise BundleError(f"it is of chain {self.chain_id.hex()}, the genesis is of chain {genesis.chain_id.hex()}")
        if self.base is None:
            if genesis is None:
                raise TrustError("the proof begins at the genesis, which is not at hand: name its file with --genesis FILE")
            return genesis_point(genesis)
        failures: list[str] = []
        for each in trusted:
            try:
                return checkpoint(self.base.header, self.base.active, each)
            except Invalid as error:
                failures.append(str(error))
        if failures:
            raise BundleError("; ".join(failures))
        raise TrustError("the proof begins at a block, not at the genesis: say which one you trust with --trusted HEIGHT:HASH")


def loads_bundle(text: str) -> Bundle:
    """`BundleError` where the text is no proof."""
    try:
        fields: Json = dict(object_of(json.loads(text), "proof"))
        found = whole_of(fields.get("format"), "format")
        if found != FORMAT:
            raise BundleError(f"it has format {found}, this program reads {FORMAT}")
        steps = list_of(fields.get("steps"), "steps", STEPS_MAX)
        chain_id = ChainId(bytes_of(fields.get("chain_id"), "chain_id"))
        proof = decode_proof(bytes_of(fields.get("proof"), "proof"))
        return Bundle(chain_id, _base_of(fields.get("from")), tuple(step_of(step, SETS_MAX) for step in steps), proof)
    except (ShapeError, Invalid) as error:
        raise BundleError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"it is no JSON ({str(error)[:100]}): was it cut off?") from None


def _base_of(value: object) -> Base | None:
    if value is None:
        return None
    fields = object_of(value, "from")
    return Base(bytes_of(fields.get("header"), "header"), bytes_of(fields.get("set"), "set"))
