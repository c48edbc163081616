"""Everything of a node made and put together, in the order in which one needs the other.

config, genesis -> store, sign state, key -> engine -> loop <- network, api
|-> publications: log, events, metrics
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

from structlog.typing import FilteringBoundLogger

from p2pchain import __version__
from p2pchain.api.admin import AdminContext
from p2pchain.api.admin_server import AdminServer
from p2pchain.api.events import EventHub
from p2pchain.api.server import ApiServer
from p2pchain.chain.changing import Requirement
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.selftest import failed_checks
from p2pchain.chain.terms import PROTOCOL
from p2pchain.chain.tree import Root
from p2pchain.chain.types import ChainId, Height
from p2pchain.config import Config
from p2pchain.daemon.ending import EXIT_PROTOCOL, CannotStartError, Ending, start_code
from p2pchain.daemon.indexing import Indexer
from p2pchain.daemon.keys import load_signer, node_key, node_signer
from p2pchain.daemon.pruning import Pruner
from p2pchain.daemon.publishing import publish_everywhere
from p2pchain.daemon.reloading import Applies, Knobs, api_settings, keep_of, limits_of, live_network_settings, marks_of
from p2pchain.genesis_file import load_installed, load_recovery
from p2pchain.net.ban_list import BanList
from p2pchain.net.ban_records import FILE_BYTES_MAX as BANS_BYTES_MAX
from p2pchain.net.book.encoding import FILE_BYTES_MAX as BOOK_BYTES_MAX
from p2pchain.net.gate import OperatorGate
from p2pchain.net.network import PeerNetwork
from p2pchain.net.settings import NetworkSettings
from p2pchain.node.effects import Publication
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.history import History, IndexBrokenError
from p2pchain.node.installing import validate_chain, validate_lock
from p2pchain.node.intake import Intake
from p2pchain.node.keeping import first_promised
from p2pchain.node.ports import Recovered
from p2pchain.node.queries import Queries
from p2pchain.node.room import Room
from p2pchain.node.upgrading import describe_requirement
from p2pchain.runtime.loop import Edges, NodeLoop
from p2pchain.runtime.signing import SigningDesk
from p2pchain.storage import (
    AddressBookFile,
    JournalFile,
    KeptFile,
    LmdbStore,
    SignStateFile,
    StorageError,
    open_store,
    require_room,
    tightest,
    volume_of,
)
from p2pchain.wire.handshake import make_credentials
from p2pchain.wire.noise import DH_BYTES


class Links(NamedTuple):
    """What the network is made of."""

    settings: NetworkSettings
    book_file: AddressBookFile
    bans: BanList


class Node(NamedTuple):
    """Everything that was wired."""

    loop: NodeLoop
    network: PeerNetwork
    room: Callable[[], Room]
    """How much is left where this node writes; raises where the store has failed meanwhile."""
    api: ApiServer | None
    admin: AdminServer | None
    pruner: Pruner
    indexer: Indexer | None
    hub: EventHub
    ending: Ending
    knobs: Knobs
    logger: FilteringBoundLogger


def wire(config: Config, genesis: Genesis, stack: ExitStack, logger: FilteringBoundLogger, reload: Callable[[], Config]) -> Node:
    if wrong := failed_checks():
        raise CannotStartError(f"the signature library is not sound ({'; '.join(wrong)}): reinstall PyNaCl 1.6.2 or newer")
    try:
        marks = marks_of(config)
        store = stack.enter_context(
            open_store(config.data_path, genesis, flush_blocks=config.storage.flush_blocks, bytes_max=config.storage.bytes_max, marks=marks)
        )
        require_room(store.room())
        journal = stack.enter_context(JournalFile(config.data_path / "mempool.journal"))
        signer = load_signer(config)
        states = stack.enter_context(SignStateFile(config.home.signing, signer.public_key, genesis.chain_id)) if signer else None
        identity = Identity()
        if signer and states:
            identity = Identity(signer.public_key, states.load(), RevealSecret.derive(signer, genesis.chain_id))
    except StorageError as error:
        raise CannotStartError(str(error), start_code(error)) from None
    spec = genesis.spec()
    recovered = store.recovered()
    _require_protocol(recovered.root)
    recoveries = _recoveries(config, genesis, recovered, store, identity)
    engine = Engine(spec, recovered.root, store, identity, limits_of(config), unix_ms(), supported=PROTOCOL, recoveries=recoveries)
    _restore(engine, recovered)
    hub, ending = EventHub(), Ending()
    settings = _network_settings(config, genesis, signer)
    book_file = AddressBookFile(config.home.data, BOOK_BYTES_MAX)
    desk = SigningDesk(signer, states, ChainId(spec.chain_id)) if signer and states else None
    bans = BanList(KeptFile(config.home.bans, BANS_BYTES_MAX + 1), unix_ms, settings.named_keys.__contains__, logger)
    links = Links(settings, book_file, bans)
    engine.core.blocks_from = Height(first_promised(store.blocks_from, recovered.root.subject.height))
    loop, network = _wire_loop(engine, store, journal, desk, links, partial(publish_everywhere, hub, ending, logger), logger)
    indexer = _open_index(config, genesis, store, engine, stack, logger) if config.index.enabled else None
    api = _wire_api(config, genesis, loop, store, network, hub, indexer, logger) if config.api.enabled else None
    chain, final = genesis.chain_id.hex(), recovered.root.subject
    logger.info("node wired", chain=chain, height=final.height, unfinal=len(recovered.unfinal), delegate=signer is not None)
    room = partial(_room, store, config.home.signing if signer else None)
    pruner = Pruner(keep_of(config), store, loop, spec, lambda: 1 << 62 if indexer is None else indexer.needs_from, logger)
    knobs = Knobs(config, Applies(loop, store, pruner, settings, network, api).apply, logger, sys.stderr, reload)
    admin = _wire_admin(config, loop, network, knobs, pruner, logger)
    return Node(loop, network, room, api, admin, pruner, indexer, hub, ending, knobs, logger)


def _network_settings(config: Config, genesis: Genesis, delegate: KeySigner | None) -> NetworkSettings:
    node = node_signer(config, delegate)
    fixed = NetworkSettings(
        listen=config.p2p.listen,
        credentials=make_credentials(node, genesis.chain_id, secrets.token_bytes(DH_BYTES)),
        agent="",
        signer=node,
        exchange=config.p2p.exchange,
        announce=config.p2p.announce,
        seed_only=config.p2p.seed_only,
    )
    return live_network_settings(fixed, config)


def _room(store: LmdbStore, signing: Path | None) -> Room:
    """The tightest of: the volume of the chain, its own bound, the volume of what was signed."""
    store.require_sound()
    return tightest([store.room()] if signing is None else [store.room(), volume_of(signing, store.marks)])


def _require_protocol(root: Root) -> None:
    """A home that stands where this program cannot go on is left as it is."""
    version = root.schedule.terms.version
    if version > PROTOCOL:
        requirement = Requirement(version, root.subject.height + 1)
        raise CannotStartError(describe_requirement(requirement, PROTOCOL), EXIT_PROTOCOL)


def _wire_loop(
    engine: Engine,
    store: LmdbStore,
    journal: JournalFile,
    desk: SigningDesk | None,
    links: Links,
    publish: Callable[[Publication], None],
    logger: FilteringBoundLogger,
) -> tuple[NodeLoop, PeerNetwork]:
    """The loop and the network know each other by their ports; the network is there first and is told of the loop."""
    loop = NodeLoop(engine, unix_ms)
    network = PeerNetwork(
        links.settings, inlet=loop, clock=unix_ms, random=SystemRandom(), logger=logger, book_file=links.book_file, bans=links.bans
    )
    loop.connect(Edges(store, network, journal, desk, publish))
    return loop, network


def _wire_api(
    config: Config,
    genesis: Genesis,
    loop: NodeLoop,
    store: LmdbStore,
    network: PeerNetwork,
    hub: EventHub,
    history: History | None,
    logger: FilteringBoundLogger,
) -> ApiServer:
    queries = Queries(
        loop.engine, store, network, node_id=node_key(config), version=__version__, list_book=network.list_book, history=history
    )
    return ApiServer(api_settings(config), queries, loop, hub, genesis, unix_ms, logger)


def _open_index(
    config: Config, genesis: Genesis, store: LmdbStore, engine: Engine, stack: ExitStack, logger: FilteringBoundLogger
) -> Indexer | None:
    """None where it cannot be: a node does without."""
    try:
        indexer = Indexer(config.data_path / "index", genesis, store, engine, logger)
    except IndexBrokenError as error:
        logger.warning("no index", reason=str(error))
        return None
    stack.callback(indexer.close)
    return indexer


def _wire_admin(
    config: Config, loop: NodeLoop, network: PeerNetwork, knobs: Knobs, pruner: Pruner, logger: FilteringBoundLogger
) -> AdminServer | None:
    """None where the home's path is too long for a socket: a node runs without its operator's orders."""
    if problem := config.home.admin_socket_problem:
        logger.error("no socket for the operator", reason=problem)
        return None
    gate = OperatorGate(network.bans, network.end_banned)
    return AdminServer(config.home.admin_socket, AdminContext(gate, loop, knobs, unix_ms, logger, pruner))


def _recoveries(config: Config, genesis: Genesis, recovered: Recovered, store: LmdbStore, identity: Identity) -> Recoveries:
    """What the operator installed, as far as this node's own records agree."""
    installed = load_installed(config.home.recoveries, genesis.chain_id)
    recoveries = Recoveries(installed)
    for recovery in recoveries:
        validate_chain(recovery, recovered.root.subject, store)
        validate_lock(recovery, identity.key, identity.sign)
    signed = config.home.signed_recovery
    if identity.key is not None and signed.exists():
        promised = load_recovery(signed).recovery
        if promised.id not in {recovery.id for recovery in installed}:
            raise CannotStartError(
                f"this delegate has signed the recovery {promised.id.hex()[:16]} at height {promised.base.height} and may vote for nothing"
                f" else: install it once all have signed, or see docs/recovery.md on how to give it up ({signed})"
            )
    return recoveries


def _restore(engine: Engine, recovered: Recovered) -> None:
    """Blocks above the final one come back from our own disk: checked when they were stored, executed again here."""
    intake = Intake(engine.core)
    engine.restore([(intake.read_block(item.raw)[0], intake.read_certificate(item.certificate)) for item in recovered.unfinal])


def unix_ms() -> int:
    return time.time_ns() // 1_000_000
