from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchain.chain.genesis import Genesis, GenesisAccount, GenesisDelegate
from p2pchain.chain.params import Params
from p2pchain.genesis_file import (
    GenesisFileError,
    dumps_bundle,
    dumps_genesis,
    load_bundle,
    load_genesis,
    loads_bundle,
    loads_genesis,
)
from tests.fakes.world import make_genesis, signer

CONFIG = Path(__file__).parent.parent.parent / "config"
_SLOT_MS = Params.__dataclass_fields__["slot_ms"].metadata
SLOT_MS_WANTED = f"a whole number from {_SLOT_MS['low']} to {_SLOT_MS['high']}"
TEXT = dumps_genesis(make_genesis())


def problems_of(text: str) -> list[str]:
    with pytest.raises(GenesisFileError) as caught:
        loads_genesis(text, "net.toml")
    return [str(problem) for problem in caught.value.problems]


def test_what_is_written_is_read_again() -> None:
    genesis = make_genesis()
    assert loads_genesis(dumps_genesis(genesis), "x") == genesis
    assert loads_bundle(dumps_bundle(genesis, ["a.example:1", "[::1]:2"]), "x") == (
        type(loads_bundle(TEXT, "x"))(genesis, ("a.example:1", "[::1]:2"))
    )


@given(
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,47}", fullmatch=True),
    prefix=st.from_regex(r"[a-z]{1,16}", fullmatch=True),
    genesis_ms=st.integers(1, 2**53 - 1),
    balances=st.lists(st.integers(0, 2**50), max_size=5),
    slot_ms=st.integers(1_000, 10_000),
)
def test_any_genesis_has_the_same_chain_id_after_a_round_trip(
    name: str, prefix: str, genesis_ms: int, balances: list[int], slot_ms: int
) -> None:
    accounts = tuple(GenesisAccount(signer(i + 1).public_key, balance) for i, balance in enumerate(balances))
    delegates = (GenesisDelegate(signer(100).public_key, signer(101).public_key, 7, 1_000),)
    genesis = Genesis(name, prefix, genesis_ms, Params(slot_ms=slot_ms, delegates=1), accounts, delegates)
    assert loads_genesis(dumps_genesis(genesis), "x").chain_id == genesis.chain_id


def test_the_examples_are_what_the_program_writes() -> None:
    """Where the words about a parameter changed: `python -m tests.genesis_file.write_examples`."""
    bundle = load_bundle(CONFIG / "join-bundle.toml")
    assert bundle.genesis == load_genesis(CONFIG / "genesis.toml")
    assert (CONFIG / "genesis.toml").read_text() == dumps_genesis(bundle.genesis)
    assert (CONFIG / "join-bundle.toml").read_text() == dumps_bundle(bundle.genesis, bundle.seeds)


@pytest.mark.parametrize("time", ['"2023-11-14T22:13:20Z"', '"2023-11-14T23:13:20.000+01:00"', "2023-11-14T22:13:20Z", "1_700_000_000_000"])
def test_a_time_may_be_written_in_several_ways(time: str) -> None:
    text = TEXT.replace('time = "2023-11-14T22:13:20.000Z"', f"time = {time}")
    assert loads_genesis(text, "x") == make_genesis()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "world"', 'name = "The World"', "net.toml: chain.name: found 'The World', wanted 1 to 48 of a-z, 0-9 and -"),
        ('name = "world"', "", "net.toml: chain.name: found nothing, wanted 1 to 48 of a-z, 0-9 and -"),
        ("slot_ms = 500", "slot_ms = 9", f"net.toml: params.slot_ms: found 9, wanted {SLOT_MS_WANTED}"),
        ("slot_ms = 500", "slot_ms = true", f"net.toml: params.slot_ms: found True, wanted {SLOT_MS_WANTED}"),
        ("slot_ms = 500", "slot_s = 500", 'net.toml: params.slot_s: found an unknown key, wanted a known key: did you mean "slot_ms"?'),
        ("slot_ms = 500", "", f"net.toml: params.slot_ms: found nothing, wanted {SLOT_MS_WANTED}"),
        ("[params]", "[param]", 'net.toml: param: found an unknown key, wanted a known key: did you mean "params"?'),
        (
            "candidates_max = 1000",
            "candidates_max = 1",
            "net.toml: params: found parameter candidates_max is 1, at least delegates (4) wanted",
        ),
        (
            'time = "2023-11-14T22:13:20.000Z"',
            'time = "2023-11-14T22:13:20"',
            "net.toml: chain.time: found '2023-11-14T22:13:20', wanted a time",
        ),
        ("balance = 1000000000000", "balance = -1", "net.toml: accounts[0].balance: found -1, wanted a whole number from 0 to"),
        ('consensus_key = "', 'consensus_key = "zz', "wanted an Ed25519 public key: 32 bytes in hex"),
        (
            "commission_bps = 500",
            "commission_bps = 10001",
            "net.toml: delegates[0].commission_bps: found 10001, wanted a whole number from 0 to 10000",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_wanted(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    assert any(problem in found for found in problems_of(TEXT.replace(old, new, 1)))


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        TEXT.replace("slot_ms = 500", "slot_ms = 1")
        .replace("balance = 1000000000000", "balance = 1.5", 1)
        .replace('name = "world"', "nam = 3")
    )
    places = [problem.split(": ")[1] for problem in problems_of(text)]
    assert places == ["chain.nam", "params.slot_ms", "chain.name", "accounts[0].balance"]


def test_an_address_of_another_network_says_what_is_wanted() -> None:
    (problem, *_) = problems_of(TEXT.replace('address = "p2p1', 'address = "tst1', 1))
    assert problem.startswith("net.toml: accounts[0].address: found 'tst1")
    assert problem.endswith("wanted an address that begins with p2p1")


def test_what_only_the_whole_can_tell_names_its_key() -> None:
    doubled = TEXT + "\n[[accounts]]" + TEXT.split("[[accounts]]")[1].split("[[")[0].split("#")[0]
    assert any("accounts" in problem and "twice" in problem for problem in problems_of(doubled))


@pytest.mark.parametrize("text", ["", "chain = 3", "[chain]\nname = 3", "[[chain]]", "accounts = 1", "x = [" + "[" * 5_000])
def test_anything_else_is_told_and_not_raised(text: str) -> None:
    assert problems_of(text)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing.toml", "binary", "."):
        with pytest.raises(GenesisFileError) as caught:
            load_genesis(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_seeds_must_be_endpoints() -> None:
    with pytest.raises(GenesisFileError, match=r"network\.seeds: found \['nowhere'\] .*, wanted a list of"):
        loads_bundle(dumps_bundle(make_genesis(), ["nowhere"]), "net.toml")
