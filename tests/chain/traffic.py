"""Transactions of all kinds by everybody, right and wrong, drawn from a seed: the same in every process."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from p2pchain.chain.actions import Action
from p2pchain.chain.actions.delegate import ComeBack, RegisterDelegate, RetireDelegate
from p2pchain.chain.actions.evidence import SubmitEvidence
from p2pchain.chain.actions.stake import ClaimRewards, Stake, Unstake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.actions.vote_change import VoteChange
from p2pchain.chain.evidence import Said, in_order
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.transaction import Transaction
from tests.chain.ledger import Book, account_id, delegate_id
from tests.chain.offences import message_of
from tests.fakes.chain import make_genesis, signer

PEOPLE = [*(account_id(number) for number in range(5)), *(delegate_id(number) for number in range(5))]
"""The last of each is not in the genesis."""
_VALUES = (((2, 3),), ((3, 2), (4, 9)), ((3, 3),), ((10, 0),), ((2, 4),), ((10, 1), (19, 5)), ())
"""Of seats, heartbeats, unfinal blocks, fees and notice."""
KEYS = [signer(1000 + number).public_key for number in range(9)]


def busy_genesis() -> Genesis:
    """Few seats, short rounds, quick unbonding, and rewards that no division leaves whole."""
    return make_genesis(
        delegates=4,
        accounts=4,
        heartbeat_slots=2,
        reward_per_block=997,
        unbonding_slots=3,
        candidates_max=6,
        slash_bps=1_234,
        notice_blocks=4,
    )


class Traffic:
    """What people want of the next block."""

    def __init__(self, book: Book, random: Random, *, evidence_weight: float = 0.2) -> None:
        self.book = book
        self.random = random
        self._kinds: list[Callable[[], Action]] = [
            lambda: Transfer(self._somebody(), self._amount(), random.randbytes(random.randint(0, 9))),
            lambda: Stake(self._delegate(), self._amount()),
            lambda: Unstake(self._delegate(), self._amount()),
            lambda: ClaimRewards(self._delegate()),
            lambda: RegisterDelegate(random.choice(KEYS), random.randint(0, 10_000), bytes(64)),
            RetireDelegate,
            self._evidence,
            self._vote,
            ComeBack,
        ]
        self._weights = (6, 6, 5, 3, 2, 1, evidence_weight, 8, 1)

    def next(self, most: int) -> list[Transaction]:
        nonces: dict[bytes, int] = {}
        wanted = []
        for _ in range(self.random.randint(0, most)):
            sender = self._somebody()
            nonce = nonces.setdefault(sender, self.book.account(sender).nonce)
            nonces[sender] += 1
            makers = self.random.choices(self._kinds, self._weights, k=self.random.choice((1, 1, 1, 2, 4)))
            wanted.append(
                self.book.transaction(
                    sender,
                    *[make() for make in makers],
                    nonce=max(0, nonce + self.random.choice((0,) * 18 + (-1, 1))),
                    fee=self.random.choice((None, None, None, 0, self.random.randint(0, 30_000))),
                    valid_until=self.book.slot + self.random.choice((0, 50, 50, 50)),
                )
            )
        return wanted

    def next_slot(self) -> int:
        """As a rule the next one, sometimes after a gap of up to several rounds."""
        return self.book.slot + self.random.choice((1, 1, 1, 1, 2, 3, self.random.randint(4, 40)))

    def _evidence(self) -> Action:
        """Mostly of the last few slots and right; of keys that signed for delegates once, for somebody now, or for nobody."""
        key = self.random.choice((*(1000 + number for number in range(9)), 99))
        slot = max(1, self.book.slot + self.random.randint(-4, 1))
        said = self.random.choice(tuple(Said))
        block = self.random.choice((1, 2, 2, 2))
        messages = (message_of(said, signer(key), self.book.spec.chain_id, slot, block=each) for each in (1, block))
        return SubmitEvidence(*in_order(*messages))

    def _vote(self) -> VoteChange:
        """As a rule what everybody wants for the next round height; never what the checks of the ledger's sums would have to follow."""
        random, version = self.random, self.book.schedule.terms.version
        height = (self.book.height // 60 + 2) * 60
        if random.random() < 0.7:
            return VoteChange(height, version, _VALUES[height // 60 % len(_VALUES)])
        if random.random() < 0.2:
            return VoteChange.withdrawal()
        return VoteChange(max(1, height - random.choice((0, 60, 120))), version + random.choice((0, 1, 2)), random.choice(_VALUES))

    def _somebody(self) -> bytes:
        return self.random.choice(PEOPLE)

    def _delegate(self) -> bytes:
        return self.random.choice(PEOPLE[5:]) if self.random.random() < 0.9 else self._somebody()

    def _amount(self) -> int:
        return self.random.choice((1, 1_000, 5_000, 10**6, 10**9, 10**12)) + self.random.randint(0, 999)
