"""The examples of the guides do what they say: run as they stand there, with a node of ours and an address of ours put in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import encode_address
from p2pchain.chain.transaction import build_transaction, decode_transaction
from p2pchain.chain.types import AccountId
from p2pchain.client import NodeError
from p2pchain.client.sending import VALID_SLOTS
from p2pchain.genesis_file import dumps_genesis
from p2pchain.keystore import Keystore
from tests.fakes.http_node import FakeNode, genesis_answer, terms_answer
from tests.fakes.light_network import GENESIS, address_of, chain, light_fake
from tests.fakes.world import make_genesis, signer

DOCS = Path(__file__).parents[2] / "docs"
ADDRESS = address_of(3001)
ID = "ab" * 32


def examples(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)


def run(text: str, url: str) -> None:
    text = re.sub(r"http://[a-z0-9.]+:28657", url, text).replace("p2p1...", ADDRESS).replace("5e3f...", min(chain().disk.locations).hex())
    exec(compile(text, "example", "exec"), {"__name__": "example"})


def test_the_light_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("genesis.toml").write_text(dumps_genesis(GENESIS))
    (example,) = examples("light-client.md")
    with light_fake(chain().disk) as node:
        run(example, node.url)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{len(chain().disk.final)} ")
    assert lines[1].endswith(" True")
    assert lines[2:] == [f"{chain().disk.locations[min(chain().disk.locations)].height} True", "{}"]
    assert Path("light.json").exists()


def test_asking_and_paying(node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Keystore(tmp_path).add("account", (3000).to_bytes(32, "big"), None)
    payer, world = signer(3000), make_genesis()
    node.answers("/v1/status", {"slot": 3, "final": {"height": 9}, "condition": "in step"})
    node.answers(f"/v1/accounts/{ADDRESS}", {"balance": "5"})
    node.answers("/v1/genesis", genesis_answer())
    node.answers("/v1/params", terms_answer())
    node.answers(f"/v1/accounts/{encode_address('p2p', AccountId(payer.public_key))}", {"next_nonce": 0})
    node.answers("/v1/transactions", {"results": [{"id": ID, "status": "pending", "error": None}] * 3}, status=202)
    last = build_transaction(payer, world.spec(), [Transfer(signer(3001).public_key, 3)], nonce=2, valid_until=3 + VALID_SLOTS)
    last_id = decode_transaction(last, world.spec()).id.hex()
    node.answers(f"/v1/transactions/{last_id}", {"id": last_id, "status": "final"})
    asking, paying, _ = examples("client.md")
    run(asking, node.url)
    assert capsys.readouterr().out == "9 in step\n5\n"
    run(paying, node.url)
    assert capsys.readouterr().out.splitlines()[-1] == "final"


def test_following(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on for ever: the node ends it by having pruned a block."""
    node.answers_raw("/v1/events", b'data: {"type": "block_final", "height": 1, "transactions": []}\n\n')
    node.answers_raw("/v1/events", b'data: {"type": "end", "code": "unavailable", "message": "", "resume_from_height": 2}\n\n')
    with pytest.raises(NodeError, match="unavailable"):
        run(examples("client.md")[2], node.url)
    assert capsys.readouterr().out == "1 []\n"
