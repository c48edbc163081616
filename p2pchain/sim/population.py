"""Who lives in a world: keys, the genesis, and how its network is parametrised.

Delegate i signs with key 1000 + i and its account with key 2000 + i; account i is key 3000 + i.  The keys are open and
the same in all worlds; the chain id, and with it the order of the slots, comes from the seed.
"""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

from nacl.signing import SigningKey

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.mempool import Limits
from p2pchain.chain.params import Params
from p2pchain.sim.tolerance import tolerated

GENESIS_MS = 1_700_000_000_000
ACCOUNTS = 8
BALANCE = 10**12
STAKE = 10**9


class Population(NamedTuple):
    """A genesis and what goes with it."""

    genesis: Genesis
    seats: int
    """Active delegates; the nodes beyond stand by."""
    limits: Limits


@cache
def signer(number: int) -> KeySigner:
    """An open key."""
    return KeySigner(SigningKey(number.to_bytes(32, "big")))


def consensus_signer(node: int) -> KeySigner:
    return signer(1000 + node)


def delegate_signer(node: int) -> KeySigner:
    return signer(2000 + node)


def account_signer(number: int) -> KeySigner:
    return signer(3000 + number)


def quiet_population(seed: int, nodes: int) -> Population:
    """Every node an active delegate, with the parameters that a network has by default."""
    return Population(_genesis(seed, nodes, {"delegates": nodes}), nodes, Limits())


def drawn_population(seed: int, nodes: int, seats: int, chance: random.Random) -> Population:
    """Parameters that bring the bounds within reach."""
    params = {
        "delegates": seats,
        "heartbeat_slots": chance.choice((1, 5, 20, 60)),
        "unfinal_blocks_max": chance.choice((2, 4, 8, 32)),
        "unbonding_slots": chance.choice((0, 10, 40)),
    }
    pool = Limits(transactions_max=chance.choice((4, 50, 5_000)), per_account_max=chance.choice((2, 64)))
    return Population(_genesis(seed, nodes, params), seats, pool)


def draw_seats(nodes: int, crashed: int, chance: random.Random) -> int:
    """In half of the worlds with room for it some delegates stand by, and may be elected.

    Never so few seats that they could not do without the absent nodes and one more, where all nodes together could.
    """
    wanted = min(tolerated(nodes), crashed + 1)
    least = max(min(4, nodes), next(seats for seats in range(1, nodes + 1) if tolerated(seats) >= wanted))
    drawn = chance.randint(least, nodes)
    return drawn if chance.random() < 0.5 else nodes


def _genesis(seed: int, nodes: int, params: dict[str, int]) -> Genesis:
    return Genesis(
        name=f"sim-{seed}",
        address_prefix="p2p",
        genesis_ms=GENESIS_MS,
        params=Params(**params),
        accounts=(
            *(GenesisAccount(account_signer(i).public_key, BALANCE) for i in range(ACCOUNTS)),
            *(GenesisAccount(delegate_signer(i).public_key, BALANCE) for i in range(nodes)),
        ),
        delegates=tuple(
            GenesisDelegate(delegate_signer(i).public_key, consensus_signer(i).public_key, 500, STAKE + i) for i in range(nodes)
        ),
    )
