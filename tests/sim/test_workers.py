import multiprocessing
from contextlib import closing

from p2pchain.cli.simulating.workers import Done, Lost, Task, run_all
from tests.sim.tasks import answer


def answers(*words: str, jobs: int = 2, limit_s: float = 60) -> dict[str, Done | Lost]:
    with closing(run_all(answer, [Task(word, limit_s) for word in words], jobs)) as found:
        return {each.argument: each for each in found if each is not None}


def test_every_task_is_answered_whoever_dies_hangs_or_raises() -> None:
    found = answers("a", "die", "b", "raise", "c", "die2", "d")
    assert {word: each.value for word, each in found.items() if isinstance(each, Done)} == {
        "a": "A", "b": "B", "c": "C", "die2": "DIE2", "d": "D",
    }  # fmt: skip
    assert found["die"] == Lost("die", "its process ended with status 7")
    lost = found["raise"]
    assert isinstance(lost, Lost)
    assert "ValueError: raise" in lost.reason
    assert multiprocessing.active_children() == []


def test_what_hangs_is_ended_and_the_rest_goes_on() -> None:
    found = answers("hang", jobs=1, limit_s=0.2)
    assert found["hang"] == Lost("hang", "took longer than 0 s and was ended")
    found = answers("hang", "a", jobs=1, limit_s=5)
    assert found["a"] == Done("a", "A")
    assert isinstance(found["hang"], Lost)
    assert multiprocessing.active_children() == []


def test_leaving_early_leaves_no_process() -> None:
    with closing(run_all(answer, [Task(word, 60) for word in ("a", "hang", "hang")], 3)) as found:
        first = next(each for each in found if each is not None)
        assert first == Done("a", "A")
        assert multiprocessing.active_children()
    assert multiprocessing.active_children() == []


def test_nothing_to_do_starts_nothing() -> None:
    assert answers() == {}
