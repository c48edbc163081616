"""A light client and an async client against real processes whose delegates change."""

import json
from pathlib import Path

import trio
from nacl.signing import SigningKey

from p2pchain.chain.actions.delegate import RegisterDelegate
from p2pchain.chain.actions.stake import Stake
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.types import ChainId
from p2pchain.client import AsyncNodeClient, LightClient, Sent
from p2pchain.genesis_file import load_genesis
from tests.e2e.network import Network, command
from tests.e2e.transfers import Purse

TASKS, EACH = 5, 8


async def test_payments_of_many_tasks_are_proven_to_somebody_who_believes_no_node(network: Network, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(network.up, "--delegates", "4", "--slot-ms", "250")
    record = network.record
    purse = Purse(record["accounts"], network.client("node-1"))
    payer, recipient = purse.signers[0], purse.signers[1].public_key
    sent: list[Sent] = []
    async with AsyncNodeClient(network.node("node-1")["api"]) as client:
        sender = client.sender(payer)

        async def pay() -> None:
            sent.extend(await sender.send([[Transfer(recipient, 1)] for _ in range(EACH)]))

        async with trio.open_nursery() as nursery:
            for _ in range(TASKS):
                nursery.start_soon(pay)
        assert [item.error for item in sent] == [None] * TASKS * EACH
        assert sorted(item.nonce for item in sent) == list(range(TASKS * EACH))
        newcomer = KeySigner(SigningKey.generate())
        register = RegisterDelegate.signed(newcomer, payer.public_key, 0, ChainId(purse.spec.chain_id))
        (elected,) = await sender.send([[register, Stake(payer.public_key, 10**13)]])
        height = (await client.wait_for(elected.id, "final", 20))["height"]
        assert height is not None
        with trio.fail_after(30):
            async with client.events(height) as events:
                async for event in events:
                    # a round has four slots; whoever was just elected is no process, so the others need a slot more now and then
                    if event["type"] == "block_final" and event["height"] >= height + 6:
                        break
                    (filler,) = await sender.send([[Transfer(recipient, 1)]])
                    sent.append(filler)
    await trio.to_thread.run_sync(_prove, network, tmp_path, purse, sent)


def _prove(network: Network, folder: Path, purse: Purse, sent: list[Sent]) -> None:
    genesis_file = Path(network.record["genesis"])
    urls = [network.node(name)["api"] for name in network.names]
    kept = folder / "light.json"
    with LightClient(load_genesis(genesis_file), urls, store=kept) as light:
        final = light.sync()
        assert (light.failures, final.warnings) == ({}, ())
        assert final.hash == network.block_hash("node-2", final.height)
        assert json.loads(kept.read_text())["newest"]["set"] != json.loads(kept.read_text())["trusted"]["set"], "the set changed on the way"
        shown = light.transaction(sent[0].id)
        assert (shown.succeeded, shown.transaction.nonce) == (True, sent[0].nonce)
        address = purse.addresses[1]
        account = light.account(address)
        assert int(network.client("node-3").account(address, "final")["balance"]) >= account.balance > 10**15
    printed = command("proof", "transaction", sent[-TASKS].id, "--genesis", str(genesis_file), "--node", urls[0]).stdout
    (folder / "proof.json").write_text(printed)
    checked = json.loads(command("verify-proof", str(folder / "proof.json"), "--genesis", str(genesis_file), "--json").stdout)
    assert (checked["proven"], checked["id"], checked["succeeded"]) == ("transaction", sent[-TASKS].id, True)
