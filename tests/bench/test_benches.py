"""Each benchmark once with a tiny load: that its result is whole, and that it is honest.  Never how fast."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from p2pchain.bench import guard, latency, testnet, verify
from p2pchain.bench.errors import BadOption, NotMeasured
from p2pchain.bench.importing import measure_import
from p2pchain.bench.load.orders import Outcome, Step
from p2pchain.bench.progress import Silent
from p2pchain.bench.result import Result, number, to_json
from p2pchain.bench.scale import Plan as ScalePlan
from p2pchain.bench.scale import measure_scale
from p2pchain.bench.testbed import RunningNode, Wanted
from tests.bench.test_ramp import GOOD

NAMES = {"name", "measured", "figures", "limit", "share_of_limit", "rows", "seed", "machine", "commit"}


def assert_whole(result: Result) -> None:
    found = json.loads(json.dumps(to_json(result), allow_nan=False))
    assert set(found) == NAMES
    assert found["limit"]["signatures_a_second"] > 0
    assert {"processor", "cores", "python", "versions", "load_before"} <= set(found["machine"])
    assert found["figures"]
    assert found["measured"]


@pytest.fixture(autouse=True)
def quick_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "LIMIT_S", 0.05)
    for module in ("importing", "scale", "testnet", "latency", "guard"):
        monkeypatch.setattr(f"p2pchain.bench.{module}.measure_limit", lambda *_arguments: 20_000.0)


def test_verify_says_what_one_thread_a_node_and_all_cores_check() -> None:
    result = verify.measure_verify(0.05, 1, Silent())
    assert_whole(result)
    assert result.limit["signatures_a_second"] == result.figures["all_cores_a_second"]


def test_import_goes_the_way_of_a_node_cold_and_cached_at_each_size(tmp_path: Path) -> None:
    result = measure_import([20, 300], 2, 30, 1, tmp_path, Silent())
    assert_whole(result)
    assert [row["accounts"] for row in result.rows] == [20, 300]
    for row in result.rows:
        assert number(row, "cold_cpu_us") > number(row, "cached_cpu_us"), "what the pool holds is not verified again"
    assert list(tmp_path.iterdir()) == [], "the ledgers are gone"


def test_scale_varies_one_thing_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pchain.bench.scale.TRANSACTIONS", 20)
    result = measure_scale(ScalePlan([30, 60], [1, 5], [10], 1, 1), tmp_path, Silent())
    assert_whole(result)
    assert [(row["varies"], row["accounts"], row["delegates"], row["transactions"]) for row in result.rows] == [
        ("accounts", 30, 4, 20),
        ("accounts", 60, 4, 20),
        ("delegates", 1_000, 1, 20),
        ("delegates", 1_000, 5, 20),
        ("transactions", 1_000, 4, 10),
    ]


# --- networks and their load, played


class FakeNetwork:
    """Two nodes that never were."""

    nodes = (RunningNode("node-1", "http://one", 1, "one:1"), RunningNode("node-2", "http://two", 2, "two:1"))

    def __init__(self) -> None:
        self.killed: list[str] = []

    def kill(self, name: str) -> None:
        self.killed.append(name)

    def start(self, name: str) -> None:
        raise AssertionError(name)


class FakeLoad:
    """Bears `capacity` a second."""

    def __init__(self, capacity: float, worse: Outcome) -> None:
        self.capacity, self.worse = capacity, worse
        self.steps: list[Step] = []

    def run(self, step: Step) -> Outcome:
        self.steps.append(step)
        return GOOD if step.rate <= self.capacity else self.worse


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> FakeLoad:
    found = FakeLoad(3_000, GOOD._replace(p99_s=9.0))

    @contextmanager
    def opened(_opening: object) -> Iterator[FakeLoad]:
        yield found

    for module in (testnet, latency):
        monkeypatch.setattr(module, "open_load", opened)
    monkeypatch.setattr(testnet, "cpu_seconds", lambda _pid: 0.0)
    monkeypatch.setattr(testnet, "resident_mb", lambda _pid: 50.0)
    return found


@contextmanager
def network(_wanted: Wanted) -> Iterator[FakeNetwork]:
    yield FakeNetwork()


def plan(**changes: object) -> testnet.Plan:
    return testnet.Plan(2, 500, 20, 1, None, 0, 1, None)._replace(**changes)  # type: ignore[arg-type]


def test_the_testnets_figure_is_the_highest_load_that_was_borne_and_says_what_ended_it(load: FakeLoad) -> None:
    result = testnet.measure_testnet(plan(), network, Silent())
    assert_whole(result)
    assert 2_000 <= number(result.figures, "offered_a_second") <= 3_000
    assert result.figures["more_was_not_borne"] == "p99 9.00 s, 3 slots are 1.5 s"
    assert len(result.rows) == len(load.steps)


def test_the_highest_load_must_be_borne_for_as_long_as_asked(load: FakeLoad) -> None:
    result = testnet.measure_testnet(plan(hold_s=60), network, Silent())
    assert (load.steps[-1].seconds, result.figures["seconds"]) == (60, 60)


@pytest.mark.parametrize(
    ("worse", "words"),
    [
        (GOOD._replace(lag_p99_s=3.0), "the client itself was 3.00 s late"),
        (GOOD._replace(final=1), "1 of 100 final"),
        (GOOD._replace(refused={"pool_full": 7}), r"refused 7 \(pool_full\)"),
    ],
)
def test_where_no_load_was_borne_there_is_no_figure(load: FakeLoad, worse: Outcome, words: str) -> None:
    load.capacity, load.worse = 0, worse
    with pytest.raises(NotMeasured, match=words):
        testnet.measure_testnet(plan(), network, Silent())


def test_a_load_that_the_client_did_not_offer_is_no_figure(load: FakeLoad) -> None:
    load.capacity, load.worse = 0, GOOD._replace(lag_p99_s=3.0)
    with pytest.raises(NotMeasured, match="500 transfers a second were not offered: the client itself was 3"):
        testnet.measure_testnet(plan(rate=500.0), network, Silent())


def test_one_load_that_was_offered_and_not_borne_says_so_beside_its_figures(load: FakeLoad) -> None:
    load.capacity = 0
    figures = testnet.measure_testnet(plan(rate=500.0), network, Silent()).figures
    assert (figures["borne"], figures["not_borne"], figures["p99_s"]) == (False, "p99 9.00 s, 3 slots are 1.5 s", 9.0)


def test_latency_has_four_cases_and_half_load_is_half_of_what_was_borne(load: FakeLoad) -> None:
    result = latency.measure_latency(latency.Plan(2, 500, 20, 1, None, 1), network, Silent())
    assert_whole(result)
    assert [(row["load"], row["nodes"]) for row in result.rows] == [
        ("idle", "all up"),
        ("half load", "all up"),
        ("idle", "one dead"),
        ("half load", "one dead"),
    ]
    assert 1_000 <= number(result.figures, "half_load_a_second") <= 1_500


def test_latency_is_none_where_a_transfer_was_lost(load: FakeLoad) -> None:
    load.capacity, load.worse = 0, GOOD._replace(final=99)
    with pytest.raises(NotMeasured, match="99 of 100 final"):
        latency.measure_latency(latency.Plan(2, 500, 20, 1, 1_000, 1), network, Silent())


# --- the guard


def guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cost: float, kept: dict[str, float]) -> Result:
    monkeypatch.setattr(guard, "_importing", lambda *_: {"admit": cost})
    monkeypatch.setattr(guard, "_growth", lambda *_: {"growth_times": 1.2})
    monkeypatch.setattr(guard, "_api", lambda *_: {})
    monkeypatch.setattr(guard, "_network", lambda *_: {})
    monkeypatch.setattr(guard, "one_thread", lambda *_: verify.Rate(1.0, 50.0))
    return guard.measure_guard(kept, tmp_path, network, Silent())


@pytest.mark.parametrize(("cost", "worse"), [(100.0, ""), (149.0, ""), (151.0, "admit"), (20.0, "")])
def test_the_guard_tells_what_is_worse_than_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cost: float, worse: str) -> None:
    result = guarded(monkeypatch, tmp_path, cost, {"admit": 2.0, "growth_times": 1.2})
    assert_whole(result)
    assert (result.figures["admit"], result.figures["growth_times"], result.figures["worse"]) == (round(cost / 50, 2), 1.2, worse)


def test_what_the_guard_keeps_it_can_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guard.save_kept(tmp_path / "kept.json", guarded(monkeypatch, tmp_path, 100, {}))
    assert guard.load_kept(tmp_path / "kept.json") == {"admit": 2.0, "growth_times": 1.2}


@pytest.mark.parametrize("content", [None, "", "[]", '{"figures": 3}', '{"figures": {"a": "b"}}'])
def test_a_file_that_keeps_nothing_is_wrong_use(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "kept.json").write_text(content)
    with pytest.raises(BadOption, match="--against"):
        guard.load_kept(tmp_path / "kept.json")


def test_the_kept_figures_of_this_working_copy_can_be_read() -> None:
    assert len(guard.load_kept(Path(__file__).parents[2] / "docs" / "figures.json")) >= 5
