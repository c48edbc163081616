"""Each checker fires when its rule is broken on purpose: silence means something."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from p2pchain.chain import state, transition, tree, voting
from p2pchain.chain.coins import credit
from p2pchain.chain.state import DELEGATES
from p2pchain.chain.trie.nodes import NodeReader
from p2pchain.chain.trie.update import Updated, update
from p2pchain.chain.types import Hash
from p2pchain.node import consensus, gossip
from p2pchain.node.effects import Commit
from p2pchain.sim import machine_faults
from p2pchain.sim.options import Options
from p2pchain.sim.process import Process
from p2pchain.sim.run import Result, run
from p2pchain.sim.scene import Scene
from p2pchain.sim.store import Ledger
from p2pchain.wire.messages import Transactions


def names(result: Result) -> set[str]:
    return {found.invariant for found in result.violations}


def play(seed: int, *faults: str, slots: int = 60) -> Result:
    return run(Options(seed, 4, slots, frozenset(faults)))


SEEDS_MAX = 100
"""One world in three to ten shows what is broken below: that all of a hundred miss it is not to be expected of any draw."""


def fires(invariant: str, *faults: str) -> bool:
    """Whether some seed shows it; those after it are not played."""
    return any(invariant in names(play(seed, *faults)) for seed in range(SEEDS_MAX))


def test_a_quorum_that_is_rounded_down_splits_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tree, consensus):  # the second asks first, to spare itself certificates that are short of one
        monkeypatch.setattr(module, "quorum", lambda members: members // 2)
    assert fires("S1", "partition", "delay")


def test_delegates_without_a_lock_split_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = voting.hold_vote

    def hold_without_lock(state: voting.SignState, proposal: voting.Proposal, *, in_window: bool) -> voting.Hold | None:
        return hold(state, proposal._replace(extends_lock=True), in_window=in_window)

    monkeypatch.setattr(consensus, "hold_vote", hold_without_lock)
    assert fires("S1", "favour")


def test_a_disk_that_forgets_the_sign_state_makes_delegates_sign_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash_on_bad_disks(scene: Scene) -> None:
        for process in scene.processes.values():
            process.disk.forgets_sign_state = True
        machine_faults.restart_storm(scene)

    break_fault(monkeypatch, "restart_storm", crash_on_bad_disks)
    assert fires("S3", "restart_storm", "equivocate", "lose_unsynced", "delay")


# the simulator found it first by nodes that cut off honest ones, one world in hundreds
def test_a_node_that_keeps_one_proof_of_a_step_in_several_is_noticed_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Ledger.apply

    def apply_with_the_last(ledger: Ledger, commit: Commit) -> None:
        apply(ledger, replace(commit, confirms=commit.confirms[-1:]))

    monkeypatch.setattr(Ledger, "apply", apply_with_the_last)
    faults = frozenset({"partition", "restart_storm", "amnesia", "delay", "crash"})
    assert any("own_proofs" in names(run(Options(seed, 7, 100, faults))) for seed in (9, 3, 6))


def test_a_disk_that_loses_what_it_synced_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(process: Process, real: Callable[[Process], None] = Process.start) -> None:
        if process.life and not process.is_up:
            process.disk.ledger = Ledger(process.shared.watch.chain.genesis)
        real(process)

    monkeypatch.setattr(Process, "start", start)
    assert fires("S10", "crash")


def test_an_engine_that_fails_is_a_violation_and_not_the_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(consensus.Consensus, "resend", fail)  # where a peer joins: each node ends as soon as it has one
    result = play(0)
    assert names(result) == {"S11", "L1"}
    assert len(result.violations) == 5, "each node once, and the chain that stands still"
    assert any("on purpose" in found.text for found in result.violations)


def test_a_chain_that_stops_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "may_confirm", lambda _state, subject: subject.slot < 10)
    assert names(play(0)) == {"L1"}


def test_coins_from_nothing_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transition, "credit", lambda ledger, account, amount: credit(ledger, account, amount + 1))
    assert names(play(0)) == {"S6"}


def test_a_node_that_executes_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Ledger.apply

    def apply_otherwise(ledger: Ledger, commit: object) -> None:
        apply(ledger, commit)  # type: ignore[arg-type]
        ledger.rows[b"A" + bytes(32)] = b"\x93\x01\x00\x00"

    monkeypatch.setattr(Ledger, "apply", apply_otherwise)
    assert "S5" in names(play(0))


def test_a_pool_beyond_its_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pchain.sim.checkers.bounds.WAITING_MAX", -1)
    assert "L5" in names(play(0, slots=12))


def test_a_root_that_is_not_that_of_all_rows_is_found_though_all_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(read: NodeReader, rows: Mapping[bytes, bytes | None], parent_root: Hash | None = None) -> Updated:
        return update(read, {key: value for key, value in rows.items() if not key.startswith(DELEGATES.prefix)}, parent_root)

    monkeypatch.setattr(state, "update", forgetful)
    result = play(1)
    assert names(result) == {"S5"}
    assert "give root" in str(result.violations[0])


def break_fault(monkeypatch: pytest.MonkeyPatch, name: str, plan: Callable[[Scene], None]) -> None:
    from p2pchain.sim.faults import FAULTS  # noqa: PLC0415

    monkeypatch.setitem(FAULTS, name, FAULTS[name]._replace(plan=plan))


def test_an_honest_node_that_passes_on_what_nobody_could_believe_is_told_of_as_banned(monkeypatch: pytest.MonkeyPatch) -> None:
    def garbled(items: list[bytes]) -> list[Transactions]:
        return [Transactions([item[:-1] + bytes([item[-1] ^ 1]) for item in items])]

    monkeypatch.setattr(gossip, "batches", garbled)
    found = [each for each in play(0).violations if each.invariant == "honest_links"]
    assert found
    assert all("was banned: invalid_data: bad_signature" in each.text for each in found)
