"""How long a slot is: the one place where the simulator asks for it."""

from __future__ import annotations

from p2pchain.chain.params import ChainSpec


def slot_ms(spec: ChainSpec) -> int:
    return spec.slot_ms
