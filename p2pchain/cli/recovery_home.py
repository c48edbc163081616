"""A recovery and one node's home: inspecting it, checking the document against it, signing, installing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.mempool import Limits
from p2pchain.chain.recovery import Recoveries, Recovery, validate_complete, validate_fit
from p2pchain.chain.recovery_draft import Circumstances, Report, report_of
from p2pchain.chain.types import ChainId, PublicKey
from p2pchain.chain.voting import SignState
from p2pchain.cli.failures import Failure
from p2pchain.cli.home_making import install_recovery
from p2pchain.config import Config
from p2pchain.genesis_file import dumps_recovery, load_genesis, load_installed, load_recovery
from p2pchain.keystore import Keystore
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.installing import validate_chain, validate_lock
from p2pchain.node.intake import Intake
from p2pchain.storage import SignStateFile, StoredChain, is_in_use, read_store
from p2pchain.storage.durable import write_whole


@dataclass(frozen=True, slots=True)
class Place:
    """The home, its network, and what its delegate has signed."""

    config: Config
    genesis: Genesis
    running: bool
    key: PublicKey | None
    sign: SignState | None

    @property
    def recoveries(self) -> list[Recovery]:
        return load_installed(self.config.home.recoveries, self.genesis.chain_id)


def open_place(config: Config) -> Place:
    """Reads, and changes nothing: the node may run.  The record comes before the store, which is never behind it."""
    home = config.home
    if not home.genesis_file.exists():
        raise Failure(f"{home.path} is no home of a node (no config/genesis.toml); name one with --home DIR")
    genesis = load_genesis(home.genesis_file)
    running = config.data_path.exists() and is_in_use(config.data_path)
    if config.node.role != "delegate":
        return Place(config, genesis, running, None, None)
    key = PublicKey(Keystore(home.keys).entry(config.delegate.key).public_key)
    return Place(config, genesis, running, key, SignStateFile(home.signing, key, genesis.chain_id).peek())


def inspect(place: Place) -> Report:
    with _engine(place) as (engine, _):
        slot = place.genesis.spec().slot_at(_now_ms())
        chain = ChainId(place.genesis.chain_id)
        return report_of(engine.core.tree, place.key, place.sign, Circumstances(chain, slot, place.running))


def sign(place: Place, recovery: Recovery, signer: KeySigner) -> Recovery:
    """The document with this delegate's signature; from now on the node starts with this recovery alone."""
    _require_chain(place, recovery)
    key = signer.public_key
    if key not in recovery.signers:
        raise Failure(
            f"key {key.hex()} is no signer of this recovery; its signers are: {', '.join(item.hex() for item in recovery.signers)}"
        )
    if key in recovery.signatures:
        raise Failure("this delegate has signed this recovery already")
    if key != place.key:
        raise Failure(f"{place.config.home.path} is not the home of key {key.hex()}: a delegate signs where its own record is")
    if place.running:
        raise Failure("the node runs and may vote at any moment: stop it, sign, and start it once the recovery is installed")
    promised = place.config.home.signed_recovery
    if promised.exists():
        other = load_recovery(promised).recovery
        if other.id not in {recovery.id, *(item.id for item in place.recoveries)}:
            raise Failure(
                f"this delegate has signed another recovery, {other.id.hex()}, which is not installed; see docs/recovery.md ({promised})"
            )
    report = inspect(place)
    if report.newest.slot > recovery.base.slot or (report.newest.slot == recovery.base.slot and report.newest != recovery.base):
        raise Failure(
            f"this node knows a certified block of slot {report.newest.slot}, the base has slot {recovery.base.slot}: draft again"
        )
    if report.signed_slot >= recovery.from_slot:
        raise Failure(f"this delegate has voted in slot {report.signed_slot}, the recovery begins with {recovery.from_slot}; draft again")
    validate_lock(recovery, key, place.sign)
    signed = recovery.signed(signer)
    write_whole(promised, dumps_recovery(signed, place.genesis.address_prefix).encode())
    return signed


def install(place: Place, recovery: Recovery) -> tuple[Path, bool]:
    """Where it was put, and whether its base is known here."""
    _require_chain(place, recovery)
    validate_complete(recovery)
    if recovery.id in {item.id for item in place.recoveries}:
        raise Failure(f"the recovery {recovery.id.hex()[:16]} is installed already")
    validate_lock(recovery, place.key, place.sign)
    is_known = _validate_here(place, recovery)
    return install_recovery(place.config.home, recovery, place.genesis.address_prefix), is_known


def _validate_here(place: Place, recovery: Recovery) -> bool:
    """Whether the base is known; `UnfitRecoveryError` where the node's own blocks contradict the recovery."""
    if not (place.config.data_path / "chain").exists():
        return False
    with _engine(place) as (engine, store):
        tree = engine.core.tree
        validate_chain(recovery, tree.root.subject, store)
        node = tree.get(recovery.base.block)
        if node is not None:
            validate_fit(recovery, node.subject, tree.view(node))
        return node is not None or tree.root.height > recovery.base.height


@contextmanager
def _engine(place: Place) -> Iterator[tuple[Engine, StoredChain]]:
    """The tree of the node, rebuilt in memory from its disk."""
    with read_store(place.config.data_path, place.genesis) as store:
        recovered = store.recovered()
        recoveries, identity = Recoveries(place.recoveries), Identity(place.key, place.sign)
        engine = Engine(place.genesis.spec(), recovered.root, store, identity, Limits(), _now_ms(), recoveries=recoveries)
        intake = Intake(engine.core)
        engine.restore([(intake.read_block(item.raw)[0], intake.read_certificate(item.certificate)) for item in recovered.unfinal])
        yield engine, store


def _require_chain(place: Place, recovery: Recovery) -> None:
    if recovery.chain_id != place.genesis.chain_id:
        raise Failure(f"the recovery is of chain {recovery.chain_id.hex()}, this home's network is {place.genesis.chain_id.hex()}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
