"""Several organisations found a network: cards, and the bundle that they make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2pchain.genesis_file import loads_bundle
from tests.cli.conftest import Run


@pytest.fixture
def cards(run: Run, tmp_path: Path) -> list[Path]:
    made = []
    for name in "abcd":
        card = tmp_path / f"{name}.json"
        card.write_text(run("genesis", "card", "--open", "--address", f"{name}.example:1", "--home", tmp_path / name).stdout)
        made.append(card)
    return made


def test_a_card_tells_public_keys_alone_and_is_the_same_each_time(run: Run, cards: list[Path], tmp_path: Path) -> None:
    again = run("genesis", "card", "--open", "--address", "a.example:1", "--home", tmp_path / "a").stdout
    assert again == cards[0].read_text()
    assert again.count("\n") == 1
    secrets = [json.loads(path.read_text()).get("secret", "") for path in (tmp_path / "a" / "keys").glob("*.key")]
    assert not [secret for secret in secrets if secret and secret in again]


def test_the_cards_make_the_same_network_in_any_order_and_each_member_joins_with_its_own_keys(
    run: Run, cards: list[Path], tmp_path: Path
) -> None:
    options = ("--name", "example", "--time", "1700000000000", "--balance", "500", "--stake", "2000")
    text = run("genesis", "compose", *cards, *options).stdout
    assert run("genesis", "compose", *reversed(cards), *options).stdout == text
    bundle = loads_bundle(text, "bundle")
    told = [json.loads(card.read_text()) for card in cards]
    assert {delegate.consensus_key.hex() for delegate in bundle.genesis.delegates} == {card["delegate"] for card in told}
    assert {account.account.hex() for account in bundle.genesis.accounts} == {card["account"] for card in told}
    assert (bundle.genesis.params.delegates, {item.stake for item in bundle.genesis.delegates}) == (4, {2000})
    assert set(bundle.seeds) == {f"{card['node']}@{card['address']}" for card in told}
    (tmp_path / "net.toml").write_text(text)
    joined = run("join", tmp_path / "net.toml", "--delegate", "--home", tmp_path / "a").stdout
    assert told[0]["delegate"] in joined
    assert "not in the genesis" not in joined
    assert bundle.genesis.chain_id.hex() in joined


def test_fewer_than_four_are_told_what_that_means(run: Run, cards: list[Path]) -> None:
    result = run("genesis", "compose", *cards[:3], "--name", "example")
    assert result.stderr == "p2pchain: 3 delegates tolerate no faulty one; from 4 on they do\n"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 5_000, '{"account": 1, "delegate": 2, "node": 3, "address": 4}', "x" * 5_000],
)
def test_what_is_no_card_is_refused_with_what_makes_one(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "card").write_text(content)
    result = run("genesis", "compose", tmp_path / "card", "--name", "example")
    assert result.exit_code == 2
    assert "wanted" in result.stderr
    assert result.stdout == ""


def test_a_member_that_is_named_twice_is_refused(run: Run, cards: list[Path]) -> None:
    result = run("genesis", "compose", cards[0], cards[0], "--name", "example")
    assert result.exit_code == 1
    assert result.stderr.startswith("p2pchain: ")


@pytest.mark.parametrize("address", ["", "host", "host:0", "host:70000"])
def test_an_address_that_nobody_could_dial_is_wrong_use(run: Run, address: str, tmp_path: Path) -> None:
    assert run("genesis", "card", "--open", "--address", address).exit_code == 2
    assert not (tmp_path / "home").exists()
