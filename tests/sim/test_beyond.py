"""More liars than a chain can bear: it may split, and then more than f of them are convicted and nobody honest is."""

from typing import Any

import pytest

from p2pchain.chain import forensics
from p2pchain.chain.forensics import Proof
from p2pchain.chain.types import PublicKey
from p2pchain.sim.checkers import culprits, inclusion
from p2pchain.sim.options import BadOption, Options
from p2pchain.sim.run import Result, run

SPLITS = 50
SEEDS_MAX = 400
ATTACKS = (
    (4, 2, 12, frozenset({"two_faced"})),
    (4, 2, 12, frozenset({"two_faced", "amnesiac", "double_vote"})),
    (4, 2, 40, frozenset({"rewrite", "favour"})),
    (7, 3, 12, frozenset({"two_faced", "blink"})),
)
"""Nodes, liars, slots, and what they do."""


def attack(seed: int) -> Result:
    nodes, liars, slots, faults = ATTACKS[seed % len(ATTACKS)]
    return run(Options(seed, nodes, slots, faults, liars=liars))


def is_split(result: Result) -> bool:
    return result.markers.get("chain_split", 0) > 0


def first_split() -> int:
    """A seed of the first attack, whose chain splits."""
    return next(seed for seed in range(0, SEEDS_MAX, len(ATTACKS)) if is_split(attack(seed)))


def test_whoever_splits_the_chain_is_convicted_and_nobody_honest_is() -> None:
    splits = 0
    for seed in range(SEEDS_MAX):
        result = attack(seed)
        assert (result.command, result.violations) == (result.command, ())
        splits += is_split(result)
        if splits == SPLITS:
            return
    pytest.fail(f"{splits} of {SEEDS_MAX} worlds were split, {SPLITS} wanted")


def test_some_are_convicted_by_what_they_forgot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where liars keep to one vote and one confirm in each slot, there is nothing else to convict them by."""
    proofs: set[str] = set()

    def convict(*collected: Any) -> dict[PublicKey, Proof]:
        found = forensics.culprits(*collected)
        proofs.update(type(proof).__name__ for proof in found.values())
        return found

    monkeypatch.setattr(culprits, "culprits", convict)
    assert any(is_split(run(Options(seed, 4, 40, frozenset({"rewrite", "favour"}), liars=2))) for seed in range(60))
    assert "Amnesia" in proofs


def test_a_split_that_convicts_too_few_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = first_split()
    monkeypatch.setattr(culprits, "culprits", lambda *_: {})
    assert [found.invariant for found in attack(seed).violations] == ["S2"]


def test_an_honest_delegate_that_is_framed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(culprits, "culprits", lambda members, *_: dict.fromkeys(members, ("no proof",)))
    assert {found.invariant for found in attack(0).violations} == {"S2b"}


def test_as_many_liars_as_a_chain_can_bear_still_owe_everything() -> None:
    options = Options(0, 7, 40, frozenset({"two_faced", "twins"}), liars=2)
    assert not options.is_beyond
    assert options.command().endswith("--liars 2")
    result = run(options)
    assert result.violations == ()
    assert "chain_split" not in result.markers


@pytest.mark.parametrize("liars", [-1, 4])
def test_so_many_liars_cannot_be(liars: int) -> None:
    with pytest.raises(BadOption, match="--liars"):
        Options(1, 4, 10, frozenset({"twins"}), crashed=1, liars=liars)


def test_liars_without_a_strategy_are_refused() -> None:
    with pytest.raises(BadOption, match="--liars: 2 delegates cannot be dishonest without a strategy"):
        Options(1, 4, 10, frozenset({"loss"}), liars=2)


def test_a_transaction_that_waits_too_long_for_censors_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inclusion, "slots_max", lambda _: 0)
    violations = [found.invariant for seed in range(6) for found in run(Options(seed, 4, 60, frozenset({"censor"}))).violations]
    assert set(violations) == {"L3"}
