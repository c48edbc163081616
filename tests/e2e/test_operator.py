"""What an operator sees of a liar, and what an operator may order, on a real node."""

import json
from pathlib import Path
from typing import Any

import trio

from p2pchain.chain.types import ChainId
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import BlockMessage, Goodbye
from tests.e2e.network import Network, command
from tests.e2e.waiting import wait_until
from tests.net.fakes import key_of, meet

LIAR, GOOD = 2, 3


def banned(home: str) -> dict[str, Any]:
    """By whom."""
    found = json.loads(command("peers", "--banned", "--json", "--home", home).stdout)
    return {ban["who"]: ban for ban in found["banned"]}


class Outside:
    """Strangers who come to a node from this test."""

    def __init__(self, address: str, chain_id: str) -> None:
        self._address = address
        self._chain_id = ChainId(bytes.fromhex(chain_id))

    def lie(self, number: int) -> Goodbye:
        return trio.run(self._lie, number)

    def knock(self, number: int) -> Goodbye | None:
        """None where it is let in."""
        return trio.run(self._knock, number)

    async def _lie(self, number: int) -> Goodbye:
        stranger = await meet(self._address, number, self._chain_id)
        async with stranger.stream:
            await stranger.shake_hands()
            await stranger.say(BlockMessage(b"\x93no block at all"))
            return await stranger.hear_goodbye()

    async def _knock(self, number: int) -> Goodbye | None:
        stranger = await meet(self._address, number, self._chain_id)
        async with stranger.stream:
            await stranger.greet()
            answer = await stranger.hear()
            return answer if isinstance(answer, Goodbye) else None


def test_a_liar_is_banned_listed_kept_out_over_a_restart_and_let_in_again_by_a_command(network: Network) -> None:
    network.up("--delegates", "1", "--slot-ms", "250", "--accounts", "2")
    node, liar = network.node("node-1"), key_of(LIAR).hex()
    home = node["home"]
    outside = Outside(node["p2p"], network.record["chain_id"])
    goodbye = outside.lie(LIAR)
    assert goodbye.reason == Reason.INVALID_DATA
    assert "malformed" in goodbye.text
    (ban,) = banned(home).values()
    assert (ban["who"], ban["kind"], ban["address"], ban["strikes"]) == (liar, "lie", "127.0.0.1", 1)
    assert 590 <= ban["left_s"] <= 600
    assert network.metric("node-1", "p2pchain_peers_banned") == 1
    assert "malformed" in command("peers", "--banned", "--home", home).stdout

    network.run("stop", "node-1")
    network.run("start", "node-1")
    told = outside.knock(LIAR)
    assert told is not None
    assert told.reason == Reason.BANNED
    assert outside.knock(GOOD) is None, "a good peer behind the same address"

    assert liar in command("peers", "unban", liar, "--home", home).stdout
    assert outside.knock(LIAR) is None
    assert banned(home) == {}
    assert "nothing is held against" in command("peers", "unban", liar, "--home", home, expect=1).stderr

    command("peers", "ban", key_of(GOOD).hex(), "--for", "1h", "--why", "a spy", "--home", home)
    command("peers", "ban", "203.0.113.9", "--for", "7d", "--home", home)
    told = outside.knock(GOOD)
    assert told is not None
    assert told.text.endswith("s more: a spy")
    assert set(banned(home)) == {key_of(GOOD).hex(), "203.0.113.9"}
    assert "Traceback" not in (Path(home) / "data" / "node.log").read_text()


def test_a_delegate_pauses_and_resumes_by_a_command(network: Network) -> None:
    network.up("--delegates", "1", "--slot-ms", "250", "--accounts", "2")
    home = network.node("node-1")["home"]
    assert network.status("node-1")["producing"]
    assert json.loads(command("delegate", "pause", "--json", "--home", home).stdout) == {"paused": True}
    wait_until(lambda: not network.status("node-1")["producing"], 5, "the delegate leaves its slots empty")
    assert json.loads(command("delegate", "resume", "--json", "--home", home).stdout) == {"paused": False}
    wait_until(lambda: network.status("node-1")["producing"], 5, "the delegate fills its slots")
    network.run("stop", "node-1")
    assert "the node must run" in command("delegate", "pause", "--home", home, expect=1).stderr


def test_a_home_whose_path_is_too_long_for_a_socket_is_told_so_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 100)
    settings = ["--set", "api.enabled=false", "--set", "p2p.listen=127.0.0.1:0"]
    command("init", "--delegate", "--open", "--home", str(home), *settings)
    told = command("peers", "--banned", "--home", str(home), expect=1).stderr
    assert "a Unix socket takes at most 107" in told
    assert told.count("\n") == 1
