import time

from tests.e2e.network import Network
from tests.e2e.transfers import FUNDS, Purse
from tests.e2e.waiting import wait_until

FIRST_FINAL_S = 4.0
TRANSFERS = 1_000


def test_four_delegates_have_a_final_block_within_four_seconds_of_the_command(network: Network) -> None:
    begin = time.monotonic()
    printed = network.up("--delegates", "4", "--slot-ms", "500")
    # what a user waits for: the start of Python and this very line included
    assert time.monotonic() - begin < FIRST_FINAL_S, printed
    record = network.record
    assert set(record) == {"chain_id", "genesis", "nodes", "accounts"}
    assert [set(node) for node in record["nodes"]] == [{"name", "home", "api", "p2p", "pid", "role"}] * 4
    assert [set(account) for account in record["accounts"]] == [{"name", "address", "key_file"}] * 16
    hashes = {network.block_hash(name, 1) for name in network.names}
    assert len(hashes) == 1
    assert {network.status(name)["chain_id"] for name in network.names} == {record["chain_id"]}


def test_transfers_become_final_with_all_balances_right_and_equal_on_every_node(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", "250")
    client = network.client("node-1")
    purse = Purse(network.record["accounts"], client)
    signed = purse.sign(TRANSFERS, client.status()["slot"] + 1_000)
    for start, name in enumerate(network.names):
        # each account always through the same node: another one might not know its earlier nonces yet
        batch = [item for item in signed if item.account % 4 == start]
        results = network.client(name).submit([item.raw for item in batch])
        assert [(result["id"], result["error"]) for result in results] == [(item.id, None) for item in batch]
    assert {client.wait_for(item.id, "final", 20)["status"] for item in signed[-16:]} == {"final"}
    blocks = client.blocks(1, 100)["blocks"]
    assert sorted(item for block in blocks for item in block["transactions"]) == sorted(item.id for item in signed)
    height = network.final("node-1")
    for name in network.names:
        wait_until(lambda name=name: network.final(name) >= height, 5, f"{name} has final height {height}")  # type: ignore[misc]
        assert purse.balances(network.client(name)) == dict(purse.expected)
    assert sum(purse.expected.values()) < FUNDS * len(purse.addresses)


def test_a_bad_transaction_in_a_batch_harms_none_of_its_neighbours(network: Network) -> None:
    network.up("--delegates", "1", "--slot-ms", "250")
    client = network.client("node-1")
    good, other = Purse(network.record["accounts"], client).sign(2, client.status()["slot"] + 100)
    forged = other.raw[:-1] + bytes([other.raw[-1] ^ 1])
    results = client.submit([b"junk", good.raw, forged, good.raw])
    codes = [result["error"] and result["error"]["code"] for result in results]
    assert codes[:3] == ["malformed", None, "bad_signature"]
    assert results[1]["status"] == "pending"
    assert client.wait_for(good.id, "final", 10)["status"] == "final"


def test_an_idle_network_writes_only_heartbeats_and_takes_a_transfer_within_a_second(network: Network) -> None:
    network.up("--delegates", "4", "--slot-ms", "250")
    client = network.client("node-1")
    heartbeat = client.genesis().params.heartbeat_slots
    begin = client.status()["slot"]
    wait_until(lambda: client.status()["slot"] > begin + heartbeat + 5, 30, "a heartbeat has passed")
    blocks = [block for block in client.blocks(2, 100)["blocks"] if block["slot"] > begin]
    assert [block["slot"] % heartbeat for block in blocks] == [0] * len(blocks)
    assert 1 <= len(blocks) <= 2
    (item,) = Purse(network.record["accounts"], client).sign(1, client.status()["slot"] + 100)
    begin_s = time.monotonic()
    client.submit([item.raw])
    found = client.wait_for(item.id, "final", 5)
    assert found["status"] == "final"
    assert time.monotonic() - begin_s < 1.0
