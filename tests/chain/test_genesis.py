from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from p2pchain.chain.codec import decode_array
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.genesis import Genesis, GenesisAccount
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.trie.update import root_of
from p2pchain.chain.types import AMOUNT_MAX
from tests.chain.ledger import Book, account_id, delegate_id
from tests.fakes.chain import make_genesis, signer

GENESIS = make_genesis()
BOUNDS = Params().bounds()


def with_account(**changes: Any) -> dict[str, Any]:
    return {"accounts": (GENESIS.accounts[0]._replace(**changes), *GENESIS.accounts[1:])}


def with_delegate(**changes: Any) -> dict[str, Any]:
    return {"delegates": (GENESIS.delegates[0]._replace(**changes), *GENESIS.delegates[1:])}


PROBLEMS: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": ""}),
    ("name", {"name": "Upper"}),
    ("name", {"name": "-begins"}),
    ("name", {"name": "a" * 49}),
    ("name", {"name": "line\n"}),
    ("name", {"name": "n\u00e4me"}),
    ("address_prefix", {"address_prefix": ""}),
    ("address_prefix", {"address_prefix": "2p"}),
    ("address_prefix", {"address_prefix": "P2P"}),
    ("address_prefix", {"address_prefix": "a" * 17}),
    ("address_prefix", {"address_prefix": "p2p\n"}),
    ("time", {"genesis_ms": 0}),
    ("time", {"genesis_ms": -1}),
    ("time", {"genesis_ms": 2**53}),
    ("accounts", {"accounts": (GENESIS.accounts[0], GENESIS.accounts[0]._replace(balance=7))}),
    ("accounts.address", with_account(account=b"")),
    ("accounts.address", with_account(account=bytes(31))),
    ("accounts.address", with_account(account=bytes(33))),
    ("accounts.balance", with_account(balance=-1)),
    ("accounts.balance", with_account(balance=AMOUNT_MAX + 1)),
    ("accounts.balance", with_account(balance=AMOUNT_MAX - 4 * 10**9)),
    ("delegates", {"delegates": ()}),
    ("delegates", {"params": Params(delegates=3, candidates_max=3)}),
    ("delegates.account", with_delegate(account=GENESIS.delegates[1].account)),
    ("delegates.account", with_delegate(account=bytes(31))),
    ("delegates.consensus_key", with_delegate(consensus_key=GENESIS.delegates[1].consensus_key)),
    ("delegates.consensus_key", with_delegate(consensus_key=b"\x01" + bytes(31))),
    ("delegates.consensus_key", with_delegate(consensus_key=bytes(31))),
    ("delegates.commission_bps", with_delegate(commission_bps=-1)),
    ("delegates.commission_bps", with_delegate(commission_bps=10_001)),
    ("delegates.stake", with_delegate(stake=999)),
    ("delegates.stake", with_delegate(stake=-1)),
]


@pytest.mark.parametrize(("key", "changes"), PROBLEMS)
def test_a_genesis_that_breaks_a_rule_is_refused_and_the_key_named(key: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        replace(GENESIS, **changes)
    assert caught.value.code is Code.BAD_GENESIS
    assert caught.value.evidence["key"] == key


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a"},
        {"name": "0" * 48},
        {"address_prefix": "p"},
        {"genesis_ms": 1},
        {"accounts": ()},
        with_account(balance=0),
        with_account(balance=AMOUNT_MAX - GENESIS.issued + GENESIS.accounts[0].balance),
        with_delegate(commission_bps=10_000),
        with_delegate(stake=1_000),
        {"delegates": GENESIS.delegates[:1]},
        {"accounts": (GenesisAccount(GENESIS.delegates[0].account, 5),)},
    ],
)
def test_a_genesis_at_the_edge_of_a_rule_is_good(changes: dict[str, Any]) -> None:
    book = Book(replace(GENESIS, **changes))
    assert book.held() == book.totals.issued


# --- parameters


@pytest.mark.parametrize(("name", "low", "high"), [(name, low, high) for name, _, low, high in BOUNDS])
def test_a_parameter_out_of_its_bounds_is_refused(name: str, low: int, high: int) -> None:
    wrong: list[Any] = [low - 1, high + 1, float(low), str(low), None, True]
    for value in wrong:
        with pytest.raises(Invalid) as caught:
            replace(Params(), **{name: value})
        assert caught.value.code is Code.BAD_GENESIS
        assert caught.value.evidence["key"] == f"params.{name}"


def test_parameters_that_contradict_each_other_are_refused() -> None:
    for params in ({"delegates": 10, "candidates_max": 9}, {"block_bytes_max": 1 << 16, "transaction_bytes_max": 26_113}):
        with pytest.raises(Invalid) as caught:
            Params(**params)
        assert caught.value.code is Code.BAD_GENESIS
    Params(delegates=9, candidates_max=9, block_bytes_max=1 << 16, transaction_bytes_max=26_112)


def test_every_default_lies_within_its_bounds_and_is_explained() -> None:
    assert all(low <= value <= high for _, value, low, high in BOUNDS)
    assert all(field.metadata["doc"] for field in fields(Params))


# --- the chain id


def test_the_chain_id_does_not_depend_on_any_order() -> None:
    shuffled = replace(GENESIS, accounts=GENESIS.accounts[::-1], delegates=GENESIS.delegates[::-1])
    assert shuffled.chain_id == GENESIS.chain_id
    assert shuffled.changes() == GENESIS.changes()


DIFFERENCES: list[dict[str, Any]] = [
    {"name": "worle"},
    {"address_prefix": "p2"},
    {"genesis_ms": GENESIS.genesis_ms + 1},
    with_account(balance=GENESIS.accounts[0].balance + 1),
    with_account(account=bytes(32)),
    with_delegate(stake=GENESIS.delegates[0].stake + 1),
    with_delegate(commission_bps=501),
    with_delegate(consensus_key=signer(9).public_key),
    with_delegate(account=bytes(32)),
    {"accounts": GENESIS.accounts[1:]},
    {"delegates": GENESIS.delegates[1:]},
    {"accounts": (*GENESIS.accounts, GenesisAccount(bytes(32), 0))},
    *({"params": replace(GENESIS.params, **{name: value + 1})} for name, value, _, _ in GENESIS.params.bounds()),
]


def test_the_smallest_difference_is_another_network() -> None:
    ids = {replace(GENESIS, **changes).chain_id for changes in DIFFERENCES} | {GENESIS.chain_id}
    assert len(ids) == len(DIFFERENCES) + 1


def test_a_coin_moved_from_an_account_to_a_stake_is_another_network() -> None:
    moved = replace(GENESIS, **with_account(balance=GENESIS.accounts[0].balance - 1), **with_delegate(stake=GENESIS.delegates[0].stake + 1))
    assert moved.issued == GENESIS.issued
    assert moved.chain_id != GENESIS.chain_id


def test_the_genesis_is_encoded_canonically() -> None:
    name, prefix, genesis_ms, params, accounts, delegates = decode_array(GENESIS.encode(), what="genesis", fields=6)
    assert (name, prefix, genesis_ms, params) == ("world", "p2p", GENESIS.genesis_ms, GENESIS.params.to_value())
    assert accounts == tuple(sorted(map(tuple, GENESIS.accounts)))
    assert delegates == tuple(sorted(map(tuple, GENESIS.delegates)))


# --- the state it makes


def test_the_state_at_height_0_holds_every_coin_once() -> None:
    book = Book(GENESIS)
    assert book.held() == book.totals.issued == GENESIS.issued
    assert book.totals.total_stake == sum(item.stake for item in GENESIS.delegates)
    assert book.totals.burned == 0
    assert book.state_root == root_of(book.view.rows.items())


def test_the_delegates_of_the_first_round_are_those_with_the_most_stake() -> None:
    genesis = replace(make_genesis(delegates=6), params=Params(delegates=4))
    assert {member.account for member in genesis.schedule().active} == {delegate_id(number) for number in (2, 3, 4, 5)}


def test_an_account_that_is_also_a_delegate_has_its_balance_and_its_stake() -> None:
    both = GenesisAccount(delegate_id(0), 77)
    book = Book(replace(GENESIS, accounts=(*GENESIS.accounts, both)))
    assert book.account(delegate_id(0)) == (77, 0, 1)
    assert book.account(account_id(0)).staker == 0
    assert book.delegate(delegate_id(0)).stake == 10**9


@pytest.mark.parametrize(("now_ms", "slot"), [(-10, 0), (-1, 0), (0, 1), (499, 1), (500, 2), (1_000, 3)], ids=str)
def test_slot_1_begins_at_the_genesis_time(now_ms: int, slot: int) -> None:
    spec = GENESIS.spec()
    assert spec.slot_at(GENESIS.genesis_ms + now_ms) == slot
    if slot:
        assert spec.slot_start_ms(slot) <= GENESIS.genesis_ms + now_ms < spec.slot_start_ms(slot + 1)


@pytest.mark.parametrize("make", [Genesis.spec, Genesis.schedule, Genesis.changes])
def test_what_a_genesis_gives_is_the_same_each_time(make: Callable[[Genesis], object]) -> None:
    one, other = make(GENESIS), make(GENESIS)
    if isinstance(one, Schedule) and isinstance(other, Schedule):
        assert [one.turn(slot) for slot in range(1, 20)] == [other.turn(slot) for slot in range(1, 20)]
    else:
        assert one == other


def test_the_chain_tag_begins_the_chain_id() -> None:
    spec: ChainSpec = GENESIS.spec()
    assert spec.chain_id == GENESIS.chain_id
    assert spec.chain_tag == GENESIS.chain_id[:8]


def test_a_block_has_room_for_the_largest_transaction_beside_the_largest_certificate() -> None:
    assert replace(make_genesis(), params=Params(block_bytes_max=1 << 16, transaction_bytes_max=1 << 14)).params.block_bytes_max == 1 << 16
    with pytest.raises(Invalid, match="room for one transaction") as refused:
        Params(block_bytes_max=1 << 16, transaction_bytes_max=1 << 15)
    assert refused.value.code is Code.BAD_GENESIS
