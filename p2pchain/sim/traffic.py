"""Clients: they hand in transfers, stakes and registrations, so that blocks are not empty and elections have outcomes.

A client asks its node for the next nonce, as the real one does.  Nothing here is dishonest; what is refused is refused.
"""

from __future__ import annotations

import random

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.state import ACCOUNTS, EMPTY_ACCOUNT, STAKES
from p2pchain.chain.transaction import build_transaction
from p2pchain.chain.types import ChainId
from p2pchain.sim.population import ACCOUNTS as CLIENTS
from p2pchain.sim.population import STAKE, account_signer, consensus_signer, delegate_signer
from p2pchain.sim.process import Process

VALID_SLOTS = 200


class Traffic:
    """Draws who wants what; `staking` lets the active set change, `standby` delegates may come and go."""

    def __init__(self, chance: random.Random, *, delegates: int, standby: int, staking: bool) -> None:
        self._chance = chance
        self._delegates = delegates
        self._standby = standby
        self._staking = staking

    def submit(self, process: Process) -> None:
        """One transaction to a node that is up."""
        key, action = self._wish(process)
        core = process.running.core
        account = ACCOUNTS.load(core.head_view(), key.public_key) or EMPTY_ACCOUNT
        nonce = core.pool.next_nonce(key.public_key, account.nonce)
        process.submit(build_transaction(key, process.spec, [action], nonce=nonce, valid_until=core.slot + VALID_SLOTS))

    def _wish(self, process: Process) -> tuple[KeySigner, Action]:
        chance = self._chance
        client = account_signer(chance.randrange(CLIENTS))
        kind = chance.random()
        if not self._staking or kind < 0.6:
            return client, Transfer(account_signer(chance.randrange(CLIENTS)).public_key, chance.randint(1, 1_000))
        if kind < 0.95:
            return client, self._stake(process, client)
        if self._standby:
            return self._stand(process, chance.randrange(self._standby))
        return client, Transfer(account_signer(chance.randrange(CLIENTS)).public_key, 1)

    def _stake(self, process: Process, client: KeySigner) -> Action:
        """Enough to lift a delegate over others, or what was put there back again."""
        stakes = STAKES.load(process.running.core.head_view(), client.public_key)
        positions = stakes.positions if stakes else ()
        if positions and self._chance.random() < 0.6:
            held = self._chance.choice(positions)
            return ClaimRewards(held.delegate) if self._chance.random() < 0.2 else Unstake(held.delegate, held.amount)
        return Stake(delegate_signer(self._chance.randrange(self._delegates)).public_key, self._chance.randint(1, 3) * STAKE)

    def _stand(self, process: Process, number: int) -> tuple[KeySigner, Action]:
        """One of the few delegates that may leave goes, or comes back."""
        key = delegate_signer(number)
        if self._chance.random() < 0.5:
            return key, RetireDelegate()
        chain_id = ChainId(process.spec.chain_id)
        return key, RegisterDelegate.signed(consensus_signer(number), key.public_key, 500, chain_id)
