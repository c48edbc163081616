"""A proof is fetched into a file, and the file is checked without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2pchain.chain.block import decode_header, encode_header
from p2pchain.chain.proof_files import decode_proof, encode_proof
from p2pchain.chain.state import ACCOUNTS
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.trie.path import nodes_to
from p2pchain.client.answers import Json
from p2pchain.genesis_file import dumps_genesis
from tests.cli.conftest import Run
from tests.fakes.light_network import GENESIS, LightFake, address_of, block_at, chain, light_fake
from tests.fakes.world import make_genesis, signer

ADDRESS = address_of(3001)
ITEM = min(chain().disk.locations)


@pytest.fixture(scope="module")
def honest() -> Iterator[LightFake]:
    with light_fake(chain().disk) as found:
        yield found


@pytest.fixture
def genesis(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.toml"
    path.write_text(dumps_genesis(GENESIS))
    return path


def fetched(run: Run, node: LightFake, genesis: Path, *what: object) -> Path:
    result = run("proof", *what, "--genesis", genesis, "--node", node.url)
    assert result.exit_code == 0, result.stderr
    path = genesis.with_name("proof.json")
    path.write_text(result.stdout)
    return path


def test_the_proof_of_an_account_is_checked_with_the_genesis_alone(run: Run, honest: LightFake, genesis: Path) -> None:
    file = fetched(run, honest, genesis, "account", ADDRESS)
    shown = json.loads(run("verify-proof", file, "--genesis", genesis, "--json").stdout)
    row = ACCOUNTS.load(chain().disk, signer(3001).public_key)
    assert row is not None
    assert (shown["address"], shown["balance"], shown["nonce"]) == (ADDRESS, str(row.balance), row.nonce)
    assert (shown["height"], shown["hash"]) == (len(chain().disk.final), block_at(chain().disk, shown["height"]).hex())
    assert "balance" in run("verify-proof", file, "--genesis", genesis).stdout


def test_the_proof_of_a_transaction_names_its_block(run: Run, honest: LightFake, genesis: Path) -> None:
    file = fetched(run, honest, genesis, "transaction", ITEM.hex())
    shown = json.loads(run("verify-proof", "-", "--genesis", genesis, "--json", text=file.read_text()).stdout)
    assert (shown["proven"], shown["id"], shown["succeeded"]) == ("transaction", ITEM.hex(), True)
    assert (shown["height"], shown["index"]) == tuple(chain().disk.locations[ITEM])


def test_a_proof_from_a_trusted_block_needs_that_block_and_no_genesis(run: Run, honest: LightFake, genesis: Path) -> None:
    trusted = f"15:{block_at(chain().disk, 15).hex()}"
    file = fetched(run, honest, genesis, "account", ADDRESS, "--trusted", trusted)
    shown = json.loads(run("verify-proof", file, "--trusted", trusted, "--json").stdout)
    assert (shown["proven"], shown["address"], shown["age_s"]) == ("account", None, None)
    other = run("verify-proof", file, "--trusted", "15:" + "00" * 32)
    assert (other.exit_code, "is trusted" in other.stderr) == (1, True)
    silent = run("verify-proof", file)
    assert (silent.exit_code, "--trusted HEIGHT:HASH" in silent.stderr) == (2, True)


def test_a_proof_from_the_genesis_asks_for_it(run: Run, honest: LightFake, genesis: Path) -> None:
    file = fetched(run, honest, genesis, "account", ADDRESS)
    result = run("verify-proof", file)
    assert (result.exit_code, "--genesis FILE" in result.stderr) == (2, True)


def cut(fields: Json) -> str:
    return json.dumps(fields)[:-500]


def without_steps(fields: Json) -> str:
    return json.dumps(fields | {"steps": []})


def without_a_step(fields: Json) -> str:
    return json.dumps(fields | {"steps": fields["steps"][1:]})


def of_another_format(fields: Json) -> str:
    return json.dumps(fields | {"format": 2})


def with_a_bit_flipped(fields: Json) -> str:
    proof = bytearray.fromhex(fields["proof"])
    proof[-40] ^= 1
    return json.dumps(fields | {"proof": proof.hex()})


def over_a_state_of_its_own(fields: Json) -> str:
    """True steps, and a true proof of a balance in a ledger that nobody confirmed."""
    thief = GENESIS.changes()
    proof = decode_proof(bytes.fromhex(fields["proof"]))
    assert isinstance(proof, RowProof)
    header = encode_header(decode_header(proof.finality.headers[-1])._replace(state_root=thief.state_root))
    finality = proof.finality._replace(headers=(header,))
    forged = RowProof(finality, proof.key, thief.rows[proof.key], nodes_to(thief.node, proof.key))
    return json.dumps(fields | {"proof": encode_proof(forged).hex()})


@pytest.mark.parametrize("spoil", [cut, without_steps, without_a_step, of_another_format, with_a_bit_flipped, over_a_state_of_its_own])
def test_a_file_that_was_altered_proves_nothing_and_the_line_says_why(
    run: Run, honest: LightFake, genesis: Path, spoil: Callable[[Json], str]
) -> None:
    file = fetched(run, honest, genesis, "account", ADDRESS)
    file.write_text(spoil(json.loads(file.read_text())))
    result = run("verify-proof", file, "--genesis", genesis)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "proves nothing: " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_proof_of_another_network_is_told_apart(run: Run, honest: LightFake, genesis: Path) -> None:
    file = fetched(run, honest, genesis, "account", ADDRESS)
    genesis.write_text(dumps_genesis(make_genesis(4)))
    result = run("verify-proof", file, "--genesis", genesis)
    assert (result.exit_code, "it is of chain" in result.stderr) == (1, True)


def test_what_is_no_trusted_block_is_wrong_use(run: Run) -> None:
    result = run("verify-proof", "nothing.json", "--trusted", "15")
    assert (result.exit_code, "wanted HEIGHT:HASH" in result.stderr) == (2, True)
