"""`--watch`: what a look shows, and that it goes on while the node does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from p2pchain.cli.live.pictures import Look, picture_of_delegates, picture_of_mempool, picture_of_peers, short, size, span
from p2pchain.cli.live.watching import EVERY_S, watch
from p2pchain.client import NodeClient
from tests.cli.conftest import Run
from tests.fakes.http_node import fake_node

NOW_S = 1_700_000_000.0
TIP = {"height": 7, "slot": 9, "hash": "00"}


def peers(bytes_in: int, *, connected_s: float = NOW_S - 90) -> dict[str, Any]:
    peer = {
        "node_id": "ab" * 32,
        "address": "10.0.0.1:28656",
        "outbound": True,
        "agent": "p2pchain/1 a-name-that-goes-on-and-on",
        "connected_ms": int(connected_s * 1000),
        "bytes_in": bytes_in,
        "bytes_out": 0,
        "came_from": "seed",
        "head": TIP,
        "final": None,
    }
    refused = {"address": "10.0.0.2:1", "node_id": "", "reason": "not_allowed", "message": "not on the list", "at_ms": 0, "times": 3}
    return {"peers": [peer], "refused": [refused], "book": {}}


def delegates(produced: int) -> dict[str, Any]:
    one = {
        "rank": 1,
        "address": "p2p1" + "q" * 50,
        "stake": "750",
        "active": True,
        "standing": "active",
        "produced": produced,
        "missed": 0,
        "missed_in_row": 0,
        "last_ballot_slot": 12,
        "last_miss": {"slot": 4, "delegate": "x", "reason": "offline", "code": None},
    }
    return {"delegates": [one, one | {"address": "p2p1other", "rank": 2, "stake": "250", "active": False, "last_miss": None}]}


def test_rates_are_those_since_the_look_before_on_the_same_connection() -> None:
    first, second = Look(peers(1_000), NOW_S), Look(peers(7_000), NOW_S + 2)
    assert "kB/s" not in "\n".join(picture_of_peers(first, None))
    head, names, row, refused = picture_of_peers(second, first)
    assert head == "1 peers, 1 dialled by this node; 1 refused lately"
    assert names.split() == ["node", "address", "way", "for", "in", "out", "final", "head", "agent"]
    assert row.split()[:8] == ["abababababab", "10.0.0.1:28656", "out", "1", "m", "3", "kB/s", "0"]
    assert refused == "refused 10.0.0.2:1: not on the list (3 times)"
    anew = Look(peers(9, connected_s=NOW_S), NOW_S + 2)
    assert "/s" not in picture_of_peers(anew, first)[2]


def test_delegates_show_their_share_and_what_grew() -> None:
    lines = picture_of_delegates(Look(delegates(5), NOW_S), Look(delegates(3), NOW_S - 1))
    assert lines[0] == "1 active of 2 delegates"
    assert "75.0%" in lines[2]
    assert "5 (+2)" in lines[2]
    assert "4: offline" in lines[2]
    assert max(map(len, lines)) <= 110


def test_the_mempool_shows_how_full_it_is_and_what_waits() -> None:
    item = {
        "id": "cd" * 32,
        "sender": "p2p1" + "q" * 50,
        "nonce": 3,
        "valid_until": 50,
        "fee": "700",
        "bytes": 180,
        "actions": [{"kind": "transfer"}],
    }
    pool = {"transactions": 1_200, "bytes": 216_000, "transactions_max": 50_000, "bytes_max": 67_108_864, "fee_per_byte_min": "2"}
    head, _names, row = picture_of_mempool(
        Look({**pool, "items": [item]}, NOW_S), Look({**pool, "transactions": 1_000, "items": []}, NOW_S)
    )
    assert head == "1,200 transactions (+200) of 50,000, 216 kB of 67 MB; a fee of 2 a byte gets in"
    assert row.split() == ["cdcdcdcdcdcdcdcd", "p2p1qqqqqq..qqqqqq", "3", "700", "180", "50", "transfer"]
    assert picture_of_mempool(Look({**pool, "items": []}, NOW_S), None)[-1] == "nothing waits"


def test_it_looks_until_ctrl_c_and_waits_for_a_node_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    with fake_node() as node:
        node.answers("/v1/delegates", delegates(3), delegates(5))
        watch(node.url, NodeClient.delegates, picture_of_delegates, pause=pause)
        url = node.url
    assert capsys.readouterr().out.count("1 active of 2 delegates") == 3
    assert pauses == [EVERY_S] * 3
    pauses.clear()
    watch(url, NodeClient.delegates, picture_of_delegates, pause=pause)
    out = capsys.readouterr().out
    assert out.count("no answer from the node at") == 3
    assert "end with Ctrl-C" in out


def test_an_answer_that_no_look_will_change_ends_it(run: Run) -> None:
    with fake_node() as node:
        result = run("delegates", "--watch", "--node", node.url)
    assert (result.exit_code, result.stderr.partition(":")[0]) == (1, "p2pchain")


@pytest.mark.parametrize("verb", ["delegates", "mempool", "peers"])
def test_watching_is_for_people(run: Run, verb: str) -> None:
    assert run(verb, "--watch", "--json").exit_code == 2


def test_only_connected_peers_are_watched(run: Run) -> None:
    assert run("peers", "--watch", "--banned").exit_code == 2


def test_sizes_spans_and_addresses_are_short() -> None:
    assert [size(count) for count in (0, 999, 1_500, 2_000_000, 3.2e9)] == ["0 B", "999 B", "2 kB", "2 MB", "3.2 GB"]
    assert [span(seconds) for seconds in (-1, 59, 60, 7_200, 200_000)] == ["0 s", "59 s", "1 m", "2 h", "2 d"]
    assert short("p2p1abc") == "p2p1abc"
