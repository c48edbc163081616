"""What is said of a catch-up while it lasts: what was seen, and nothing that is only hoped for."""

from p2pchain.node.progress import LEAST_MS, SAMPLES_MAX, Progress


def test_a_node_in_step_says_nothing() -> None:
    progress = Progress(500)
    progress.look(0, 10, is_behind=False)
    assert progress.view(0, 10, 10, 0) is None


def test_before_enough_was_seen_neither_rate_nor_time_left_is_known() -> None:
    progress = Progress(500)
    progress.look(0, 10, is_behind=True)
    view = progress.view(LEAST_MS - 1, 400, 1_000, 600)
    assert view is not None
    assert (view.from_height, view.at, view.to, view.proven) == (10, 400, 1_000, 600)
    assert view.blocks_per_s is None
    assert view.seconds_left is None


def test_the_goal_moves_while_it_is_approached() -> None:
    """102 blocks a second, while two are born."""
    progress = Progress(500)
    for second in range(11):
        progress.look(second * 1_000, 102 * second, is_behind=True)
    view = progress.view(10_000, 1_020, 2_020, 0)
    assert view is not None
    assert view.blocks_per_s == 102
    assert view.seconds_left == 10
    assert view.proven == 1_020


def test_who_is_not_faster_than_the_chain_does_not_know_when_it_will_be_there() -> None:
    progress = Progress(500)
    for second in range(11):
        progress.look(second * 1_000, second, is_behind=True)
    view = progress.view(10_000, 10, 500, 0)
    assert view is not None
    assert view.blocks_per_s == 1
    assert view.seconds_left is None


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    progress = Progress(500)
    for second in range(100):
        progress.look(second * 1_000, 1_000 * second, is_behind=True)
    for second in range(100, 100 + SAMPLES_MAX + 1):
        progress.look(second * 1_000, 100_000 + 10 * (second - 100), is_behind=True)
    view = progress.view((100 + SAMPLES_MAX) * 1_000, 100_000 + 10 * SAMPLES_MAX, 200_000, 0)
    assert view is not None
    assert view.blocks_per_s is not None
    assert 9 < view.blocks_per_s < 11
    assert view.from_height == 0


def test_the_next_catch_up_begins_anew() -> None:
    progress = Progress(500)
    progress.look(0, 10, is_behind=True)
    progress.look(1_000, 50, is_behind=False)
    progress.look(90_000, 60, is_behind=True)
    view = progress.view(90_000, 60, 100, 0)
    assert view is not None
    assert view.from_height == 60
