"""A chain of executed blocks without signatures, certificates or headers: what the rules of the ledger need, quickly.

Account i is key 3000 + i and delegate i key 2000 + i, as in `tests.fakes.chain`.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.actions import Action
from p2pchain.chain.crypto import Domain
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.penalty import position_amount
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.staking import stakes_of
from p2pchain.chain.state import (
    ACCOUNTS,
    COMMITMENTS,
    DELEGATES,
    EMPTY_ACCOUNT,
    GLOBALS,
    STAKES,
    Account,
    Delegate,
    Globals,
    Ledger,
    Position,
    Stakes,
)
from p2pchain.chain.transaction import Transaction, build_transaction, decode_transaction
from p2pchain.chain.transition import Draft, Executed, Parent, execute
from p2pchain.chain.types import SIGNATURE_BYTES, ChainId, PublicKey, Signature
from tests.fakes.chain import signer


class Unsigned:
    """A sender whose signatures nobody will check."""

    def __init__(self, key: bytes) -> None:
        self.public_key = PublicKey(key)

    def sign(self, domain: Domain, chain_id: ChainId, body: bytes) -> Signature:
        return Signature(bytes(SIGNATURE_BYTES))


def account_id(number: int) -> bytes:
    return signer(3000 + number).public_key


def delegate_id(number: int) -> bytes:
    return signer(2000 + number).public_key


class Rows:
    """A state that lies in a dict."""

    def __init__(self, rows: dict[bytes, bytes], nodes: dict[bytes, bytes]) -> None:
        self.rows, self.nodes = rows, nodes

    def get(self, key: bytes, /) -> bytes | None:
        return self.rows.get(key)

    def node(self, place: bytes, /) -> bytes | None:
        return self.nodes.get(place)


class Book:
    """The state after the newest block, all of it final."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.spec = genesis.spec()
        changes = genesis.changes()
        self.view = Rows(dict(changes.rows), dict(changes.nodes))
        self.state_root = changes.state_root
        self.schedule: Schedule = genesis.schedule()
        self.slot = 0
        self.is_certifying = True
        """Whether blocks carry the votes of the whole set on their parents."""
        self.height = 0

    # --- reading

    def account(self, item: bytes) -> Account:
        return ACCOUNTS.load(self.view, item) or EMPTY_ACCOUNT

    def stakes(self, item: bytes) -> Stakes:
        return stakes_of(Ledger(self.view), item)

    def delegate(self, item: bytes) -> Delegate:
        row = DELEGATES.load(self.view, item)
        assert row is not None
        return row

    @property
    def totals(self) -> Globals:
        totals = GLOBALS.load(self.view)
        assert totals is not None
        return totals

    def all_accounts(self) -> list[Account]:
        return [ACCOUNTS.decode(data) for key, data in self.view.rows.items() if key.startswith(ACCOUNTS.prefix)]

    def all_stakes(self) -> list[Stakes]:
        return [STAKES.decode(data) for key, data in self.view.rows.items() if key.startswith(STAKES.prefix)]

    def all_delegates(self) -> list[Delegate]:
        return [DELEGATES.decode(data) for key, data in self.view.rows.items() if key.startswith(DELEGATES.prefix)]

    def held(self) -> int:
        """All coins that there are, wherever they are.

        What a conviction leaves of a delegate's stake may be a few coins more than its stakers hold: rounding.  What it
        takes of unbonding coins is burned at their release and is there until then.
        """
        stakes = self.all_stakes()
        return (
            sum(row.balance for row in self.all_accounts())
            + sum(self.worth(position) for row in stakes for position in row.positions)
            + sum(entry.amount for row in stakes for entry in row.unbonding)
            + sum(row.reward_pool for row in self.all_delegates())
            + sum(map(self.dust, self.convicted()))
        )

    def dust(self, delegate: bytes) -> int:
        """What rounding left in a convicted delegate's stake."""
        positions = [position for row in self.all_stakes() for position in row.positions if position.delegate == delegate]
        return self.delegate(delegate).stake - sum(map(self.worth, positions))

    def worth(self, position: Position) -> int:
        return position_amount(position, self.delegate(position.delegate))

    def convicted(self) -> list[bytes]:
        """Accounts of the convicted delegates."""
        rows = ((key, data) for key, data in self.view.rows.items() if key.startswith(DELEGATES.prefix))
        return [key[len(DELEGATES.prefix) :] for key, data in rows if DELEGATES.decode(data).convicted_slot]

    # --- writing

    def transaction(
        self, sender: bytes, *actions: Action, nonce: int | None = None, fee: int | None = None, valid_until: int | None = None
    ) -> Transaction:
        """By default the sender's next one, valid in the next slot, at the least fee."""
        raw = build_transaction(
            Unsigned(sender),
            self.spec,
            actions,
            nonce=self.account(sender).nonce if nonce is None else nonce,
            valid_until=self.slot + 100 if valid_until is None else valid_until,
            fee=fee,
        )
        return decode_transaction(raw, self.spec)

    def execute(self, transactions: Sequence[Transaction], slot: int | None = None, *, building: bool = False) -> Executed:
        """What a block would do, without taking it."""
        parent = Parent(self.height, self.slot, self.state_root, self.schedule, self.view)
        slot = self.slot + 1 if slot is None else slot
        key = self.schedule.turn(slot).delegate.consensus_key
        draw = RevealSecret(key).draw(COMMITMENTS.load(self.view, key), slot)
        assert draw is not None, "every commitment was made here"
        voters = self.schedule.keys if self.is_certifying else ()
        return execute(parent, Draft(slot, draw, voters), transactions, self.spec, building=building)

    def block(self, *transactions: Transaction, slot: int | None = None, building: bool = False) -> Executed:
        """The next block, by default in the next slot."""
        slot = self.slot + 1 if slot is None else slot
        executed = self.execute(transactions, slot, building=building)
        self.view = Rows({**self.view.rows, **executed.changes.rows}, {**self.view.nodes, **executed.changes.nodes})
        self.state_root, self.schedule, self.slot = executed.changes.state_root, executed.schedule, slot
        self.height += 1
        return executed

    def do(self, sender: bytes, *actions: Action, slot: int | None = None) -> Transaction:
        """A block with one transaction."""
        transaction = self.transaction(sender, *actions)
        self.block(transaction, slot=slot)
        return transaction
