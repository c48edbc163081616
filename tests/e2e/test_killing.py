"""F5: a few of the cycles of `tests.e2e.kill_cycles`."""

from tests.e2e.killing import Killer, load
from tests.e2e.network import Network

KILLS = 5


def test_nodes_killed_under_load_lose_nothing_final_and_sign_nothing_twice(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", "250", "--accounts", "4")
    with Killer(network, seed=2) as killer:
        with load(network, batch=10) as sender:
            while killer.kills < KILLS:
                killer.cycle()
            killer.cycle(everyone=True)
        for name in network.names:
            killer.require_no_contradiction(name)
    assert sender.sent > 0
    assert len(killer.restarts_s) == killer.kills == KILLS + 4
