"""`p2pchain status --watch`: how far a node is, until it is in step."""

from __future__ import annotations

import pytest

from p2pchain.cli import sync_watch
from p2pchain.cli.sync_watch import describe_sync, watch_sync
from p2pchain.client.answers import SyncAnswer
from tests.cli.conftest import Run
from tests.fakes.http_node import fake_node

SYNC: SyncAnswer = {"from": 0, "at": 2_500, "to": 10_000, "proven": 4_096, "blocks_per_second": 1_234.5, "seconds_left": 61}


def status(sync: SyncAnswer | None, *, peers: int = 3) -> dict[str, object]:
    tip = {"height": 10_000, "slot": 10_000, "hash": "00"}
    return {"syncing": sync is not None, "sync": sync, "peers": peers, "condition": "waits", "final": tip, "head": tip}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "time left unknown"), (7, "about 7 s left"), (61, "about 1 min 1 s left"), (7_260, "about 2 h 1 min left")],
)
def test_what_is_not_known_is_called_unknown(seconds: int | None, words: str) -> None:
    assert describe_sync({**SYNC, "seconds_left": seconds}).endswith(words)
    assert "speed unknown" in describe_sync({**SYNC, "blocks_per_second": None})


def test_it_tells_until_the_node_is_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_node() as node:
        node.answers("/v1/status", status(None, peers=0), status(SYNC), status(None), status(None), status(SYNC))
        pauses: list[float] = []
        watch_sync(node.url, pause=pauses.append)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "waits"
    assert lines[1] == "from 0, at 2,500 of 10,000, proven to 4,096, 1,234.5 blocks/s, about 1 min 1 s left"
    assert lines[-1] == "in step: final height 10000"
    assert pauses == [sync_watch.POLL_S] * 3


def test_watching_is_for_people(run: Run) -> None:
    assert run("status", "--watch", "--json").exit_code == 2
