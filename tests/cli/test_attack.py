import json
import socket

from p2pchain.badpeers.catalogue import CATALOGUE
from tests.cli.conftest import Run

CHAIN = "07" * 32


def test_the_attacks_are_listed_with_what_each_wants() -> None:
    """Names are what scripts of other teams call."""
    assert {"half-open", "slow-reader", "flood-ping", "garbage", "bomb", "false-answers", "churn"} <= set(CATALOGUE)


def test_the_list_is_for_people_and_for_programs(run: Run) -> None:
    rows = json.loads(run("attack", "--list", "--json").stdout)
    assert [row["name"] for row in rows] == list(CATALOGUE)
    lines = run("attack", "--list").stdout.splitlines()
    assert len(lines) == len(CATALOGUE) + 1
    assert "timeout" in next(line for line in lines if line.startswith("no-hello"))


def test_wrong_use_is_told_with_what_is_wanted(run: Run) -> None:
    for arguments, words in (
        (("garbage",), "--target HOST:PORT is wanted"),
        (("--target", "127.0.0.1:1"), "an attack is wanted"),
        (("nonsense", "--target", "127.0.0.1:1"), "found attack 'nonsense', wanted one of: half-open"),
        (("half-open", "--target", "127.0.0.1:1", "--seconds", "1"), "half-open needs at least 5 s"),
        (("garbage", "--target", "nowhere"), "wanted HOST:PORT"),
        (("garbage", "--target", "127.0.0.1:1", "--chain-id", "07"), "wanted 64 hex digits"),
    ):
        found = run("attack", *arguments)
        assert found.exit_code == 2
        assert words in " ".join(found.stderr.split())


def test_a_stranger_s_node_is_not_attacked(run: Run) -> None:
    found = run("attack", "garbage", "--target", "8.8.8.8:28656", "--chain-id", CHAIN)
    assert found.exit_code == 1
    assert "8.8.8.8 is neither this machine nor in a private network" in found.stderr
    assert "--i-own-this-node" in found.stderr


def test_a_target_that_does_not_answer_is_told_in_a_line(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        found = run("attack", "garbage", "--target", f"127.0.0.1:{port}", "--chain-id", CHAIN)
    assert found.exit_code == 1
    assert f"127.0.0.1:{port} does not accept connections" in found.stderr
