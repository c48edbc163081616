"""The composition root: the one place where everything is wired.

    config, genesis -> store, sign state, key -> engine -> loop <- network, api
                                                    |-> publications: log, events, metrics

Exit codes: 0 ended as told; 1 could not start (one line says why); 74 the disk failed, or has no room left; 76 the network takes a
newer version of the protocol than this node knows (one line says from which height on, and what to do).
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from getpass import getpass
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from p2pchain import __version__
from p2pchain.api.admin import AdminContext
from p2pchain.api.admin_server import AdminListenError, AdminServer
from p2pchain.api.events import EventHub
from p2pchain.api.server import ApiServer
from p2pchain.api.server import ListenError as ApiListenError
from p2pchain.api.settings import ApiSettings
from p2pchain.chain.changing import Requirement
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.mempool import Limits
from p2pchain.chain.recovery import Recoveries, UnfitRecoveryError
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.selftest import failed_checks
from p2pchain.chain.terms import PROTOCOL
from p2pchain.chain.tree import Root
from p2pchain.chain.types import ChainId, PublicKey
from p2pchain.config import Config, split_endpoint
from p2pchain.genesis_file import RecoveryFileError, load_installed, load_recovery
from p2pchain.keystore import NODE_KEY, Keystore, KeystoreError, read_passphrase
from p2pchain.log import configure_logging
from p2pchain.net.ban_list import BanList
from p2pchain.net.ban_records import FILE_BYTES_MAX as BANS_BYTES_MAX
from p2pchain.net.book.encoding import FILE_BYTES_MAX as BOOK_BYTES_MAX
from p2pchain.net.errors import ListenError
from p2pchain.net.gate import OperatorGate
from p2pchain.net.network import PeerNetwork
from p2pchain.net.settings import NetworkSettings
from p2pchain.node.condition import describe_condition
from p2pchain.node.effects import BlockFinal, ContradictionSeen, HeadChanged, Noted, ProtocolOutgrown, Publication, SlotMissed
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.installing import validate_chain, validate_lock
from p2pchain.node.intake import Intake
from p2pchain.node.ports import Recovered
from p2pchain.node.queries import Queries
from p2pchain.node.room import Room, megabytes
from p2pchain.node.upgrading import describe_requirement
from p2pchain.runtime.loop import Edges, NodeLoop
from p2pchain.runtime.service_manager import ServiceManager
from p2pchain.runtime.signing import SigningDesk
from p2pchain.storage import (
    AddressBookFile,
    ForeignChain,
    HomeInUse,
    JournalFile,
    KeptFile,
    LmdbStore,
    Marks,
    NewerFormat,
    SignStateFile,
    StorageError,
    mapped,
    open_store,
    require_room,
    tightest,
    volume_of,
)
from p2pchain.wire.handshake import make_credentials
from p2pchain.wire.noise import DH_BYTES

EXIT_DONE, EXIT_FAILED, EXIT_STORAGE, EXIT_PROTOCOL = 0, 1, 74, 76
STATUS_S = 5.0
ROOM_S = 1.0
"""Between two looks at the room on disk: at 500 MB a second, what a disk may take, 1% of 50 GB lasts as long."""
_ROOM_STEPS = 100
"""The engine is told of a change by this part of what is low: often enough for the status, seldom enough to cost nothing."""
ALIVE_S = 10.0
"""A loop that finished no event for so long is stuck: the watchdog is not told otherwise."""


class CannotStartError(Exception):
    """One line for the operator."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Ending:
    """Why the node ends by itself, once it must."""

    def __init__(self) -> None:
        self.outgrown: ProtocolOutgrown | None = None
        self.without_room: Room | None = None
        self.has_come = trio.Event()

    def outgrow(self, outgrown: ProtocolOutgrown) -> None:
        self.outgrown = outgrown
        self.has_come.set()

    def fill(self, room: Room) -> None:
        self.without_room = room
        self.has_come.set()

    @property
    def reason(self) -> str:
        return "protocol_too_old" if self.outgrown is not None else "no_room_on_disk"


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
    hub: EventHub
    ending: Ending
    logger: FilteringBoundLogger


def run_daemon(config: Config, genesis: Genesis) -> int:
    """Run one node until SIGTERM or SIGINT; returns the exit code."""
    configure_logging(config.log.format, config.log.level, sys.stderr)
    logger: FilteringBoundLogger = structlog.get_logger()
    try:
        with _start_errors(), ExitStack() as stack:
            node = _wire(config, genesis, stack, logger)
            stack.enter_context(_pid_file(config.home.data / "node.pid"))
            trio.run(_live, node, restrict_keyboard_interrupt_to_checkpoints=True)
    except CannotStartError as error:
        _tell(str(error))
        return error.exit_code
    except StorageError as error:
        logger.critical("storage failed, nothing more is signed", reason=str(error))
        return EXIT_STORAGE
    logger.info("stopped")
    return _exit_code(node.ending)


def _exit_code(ending: Ending) -> int:
    """The code that says why the node ended, and one line to a person at a terminal."""
    if ending.outgrown is not None:
        outgrown = ending.outgrown
        _tell(describe_requirement(Requirement(outgrown.version, outgrown.height), outgrown.supported))
        return EXIT_PROTOCOL
    if ending.without_room is not None:
        room = ending.without_room
        found, wanted = megabytes(room.free_bytes), megabytes(room.end_bytes)
        _tell(f"{room.place} has {found} free, at least {wanted} wanted; make room, nothing is lost, and start again")
        return EXIT_STORAGE
    return EXIT_DONE


def _tell(line: str) -> None:
    print(f"p2pchain: {line}", file=sys.stderr)  # noqa: T201  (the one line that a person at a terminal needs)


@contextmanager
def _start_errors() -> Iterator[None]:
    """Errors of the way up, as one line each; of the disk at any time, whatever else they took down with them (S11)."""
    try:
        with _storage_errors():
            yield
    except* (ListenError, ApiListenError, KeystoreError, UnfitRecoveryError, RecoveryFileError) as group:
        raise CannotStartError(str(_first(group))) from None


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Tasks end in groups of errors: one of the disk counts for more than all that it caused."""
    try:
        yield
    except BaseExceptionGroup as group:
        found = group.subgroup(StorageError)
        if found is None:
            raise
        raise _first(found) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _wire(config: Config, genesis: Genesis, stack: ExitStack, logger: FilteringBoundLogger) -> Node:
    if wrong := failed_checks():
        raise CannotStartError(f"the signature library is not sound ({'; '.join(wrong)}): reinstall PyNaCl 1.6.2 or newer")
    try:
        marks = Marks(config.storage.free_bytes_low, config.storage.free_bytes_end)
        store = stack.enter_context(
            open_store(config.data_path, genesis, flush_blocks=config.storage.flush_blocks, bytes_max=config.storage.bytes_max, marks=marks)
        )
        require_room(store.room())
        journal = stack.enter_context(JournalFile(config.data_path / "mempool.journal"))
        signer = _load_signer(config)
        states = stack.enter_context(SignStateFile(config.home.signing, signer.public_key, genesis.chain_id)) if signer else None
        identity = Identity()
        if signer and states:
            identity = Identity(signer.public_key, states.load(), RevealSecret.derive(signer, genesis.chain_id))
    except StorageError as error:
        raise CannotStartError(str(error), _start_code(error)) from None
    spec = genesis.spec()
    limits = Limits(config.mempool.transactions_max, config.mempool.bytes_max, config.mempool.per_account_max)
    recovered = store.recovered()
    _require_protocol(recovered.root)
    recoveries = _recoveries(config, genesis, recovered, store, identity)
    engine = Engine(spec, recovered.root, store, identity, limits, _clock(), supported=PROTOCOL, recoveries=recoveries)
    _restore(engine, recovered)
    hub, ending = EventHub(), Ending()
    node = _node_signer(config, signer)
    settings = NetworkSettings(
        listen=config.p2p.listen,
        credentials=make_credentials(node, genesis.chain_id, secrets.token_bytes(DH_BYTES)),
        agent=f"p2pchain/{__version__} {config.node.name}".strip()[:64],
        seeds=config.p2p.seeds,
        persistent_peers=config.p2p.persistent_peers,
        peers_in_max=config.p2p.peers_in_max,
        peers_out_max=config.p2p.peers_out_max,
        backoff_max_ms=config.p2p.backoff_max_ms,
        signer=node,
        exchange=config.p2p.exchange,
        announce=config.p2p.announce,
        seed_only=config.p2p.seed_only,
        peers_in_per_group_max=config.p2p.peers_in_per_group_max,
        peers_out_per_group_max=config.p2p.peers_out_per_group_max,
        delegate_peers=_keys(config.p2p.delegate_peers),
        unconditional_peers=_keys(config.p2p.unconditional_peers),
        private_peers=_keys(config.p2p.private_peers),
        allowed_peers=_keys(config.p2p.allowed_peers),
    )
    book_file = AddressBookFile(config.home.data, BOOK_BYTES_MAX)
    desk = SigningDesk(signer, states, ChainId(spec.chain_id)) if signer and states else None
    bans = BanList(KeptFile(config.home.bans, BANS_BYTES_MAX + 1), _clock, settings.named_keys.__contains__, logger)
    links = Links(settings, book_file, bans)
    loop, network = _wire_loop(engine, store, journal, desk, links, partial(_publish, hub, ending, logger), logger)
    api = _wire_api(config, genesis, loop, store, network, hub, logger) if config.api.enabled else None
    chain, final = genesis.chain_id.hex(), recovered.root.subject
    logger.info("node wired", chain=chain, height=final.height, unfinal=len(recovered.unfinal), delegate=signer is not None)
    room = partial(_room, store, config.home.signing if signer else None, marks)
    return Node(loop, network, room, api, _wire_admin(config, loop, network, logger), hub, ending, logger)


def _start_code(error: StorageError) -> int:
    """74 where the disk is at fault, 1 where the operator chose a folder that is not for this node."""
    return EXIT_FAILED if isinstance(error, HomeInUse | ForeignChain | NewerFormat) else EXIT_STORAGE


def _room(store: LmdbStore, signing: Path | None, marks: Marks) -> Room:
    """The tightest of: the volume of the chain, its own bound, the volume of what was signed."""
    store.require_sound()
    return tightest([store.room()] if signing is None else [store.room(), volume_of(signing, marks)])


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
    loop = NodeLoop(engine, _clock)
    network = PeerNetwork(
        links.settings, inlet=loop, clock=_clock, random=SystemRandom(), logger=logger, book_file=links.book_file, bans=links.bans
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
    logger: FilteringBoundLogger,
) -> ApiServer:
    host, port = split_endpoint(config.api.listen)
    queries = Queries(loop.engine, store, network, node_id=_node_key(config), version=__version__, list_book=network.list_book)
    settings = ApiSettings(host=host, port=port, body_bytes_max=config.api.body_bytes_max)
    return ApiServer(settings, queries, loop, hub, genesis, _clock, logger)


def _wire_admin(config: Config, loop: NodeLoop, network: PeerNetwork, logger: FilteringBoundLogger) -> AdminServer | None:
    """None where the home's path is too long for a socket: a node runs without its operator's orders."""
    if problem := config.home.admin_socket_problem:
        logger.error("no socket for the operator", reason=problem)
        return None
    gate = OperatorGate(network.bans, network.end_banned)
    return AdminServer(config.home.admin_socket, AdminContext(gate, loop, _clock, logger))


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


def _load_signer(config: Config) -> KeySigner | None:
    """The delegate's key; None for an observer."""
    if config.node.role != "delegate":
        return None
    keystore = Keystore(config.home.keys)
    entry = keystore.entry(config.delegate.key)
    ask = partial(_ask_passphrase, entry.name)
    passphrase = None if entry.kind == "open" else read_passphrase(config.passphrase_file, os.environ, ask)
    return KeySigner(keystore.load(config.delegate.key, passphrase))


def _ask_passphrase(name: str) -> str:
    if not sys.stdin.isatty():
        raise CannotStartError(f"the key '{name}' is sealed and there is no terminal to ask at: name a file in [delegate] passphrase_file")
    return getpass(f"passphrase of {name}: ")


def _node_key(config: Config) -> bytes:
    return PublicKey(Keystore(config.home.keys).entry(NODE_KEY).public_key)


def _keys(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, texts))


def _node_signer(config: Config, delegate: KeySigner | None) -> KeySigner:
    """What peers know this node by: it signs the link key once, and the node's record whenever that changes."""
    node = KeySigner(Keystore(config.home.keys).load(NODE_KEY, None))
    if delegate is not None and delegate.public_key == node.public_key:
        raise CannotStartError(
            f"the keys '{NODE_KEY}' and '{config.delegate.key}' are the same: a node needs a key of its own for its links"
        )
    return node


def _clock() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _pid_file(path: Path) -> Iterator[None]:
    """The process id, for `stop` and `status`; written whole or not at all, gone when the process ends in order."""
    temporary = path.with_suffix(".new")
    with mapped("writing", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f"{os.getpid()}\n")
        temporary.replace(path)
    try:
        yield
    finally:
        with mapped("removing", path):
            path.unlink(missing_ok=True)


async def _live(node: Node) -> None:
    """The node's life: the way up, then everything side by side until a signal."""
    manager = ServiceManager.from_environment(os.environ)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, nursery.cancel_scope, manager, node.logger)
        nursery.start_soon(_stop_when_over, nursery.cancel_scope, manager, node)
        nursery.start_soon(node.loop.run)
        nursery.start_soon(_look_at_room, node)
        await nursery.start(node.network.run)
        # before the first question: what this node accepted, it must never call unknown
        await node.loop.restore_pool()
        if node.api is not None:
            await nursery.start(node.api.run)
        if node.admin is not None:
            await nursery.start(_serve_operator, node.admin, node.logger)
        manager.ready(_condition(node))
        nursery.start_soon(_report, node, manager)
        if manager.watchdog_interval_s is not None:
            nursery.start_soon(_watch, node, manager, manager.watchdog_interval_s)


async def _serve_operator(
    admin: AdminServer, logger: FilteringBoundLogger, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    reason = ""
    try:
        await admin.run(task_status)
    except AdminListenError as error:
        reason = str(error)
    if reason:
        logger.error("no socket for the operator", reason=reason)
        task_status.started()


async def _stop_on_signal(scope: trio.CancelScope, manager: ServiceManager, logger: FilteringBoundLogger) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            logger.info("stopping", signal=signal.Signals(number).name)
            manager.stopping()
            scope.cancel()
            return


async def _stop_when_over(scope: trio.CancelScope, manager: ServiceManager, node: Node) -> None:
    await node.ending.has_come.wait()
    node.logger.info("stopping", reason=node.ending.reason)
    manager.stopping()
    scope.cancel()


async def _look_at_room(node: Node) -> None:
    """Tell the engine, which stops producing first; end in order before nothing can be written any more."""
    told: Room | None = None
    while True:
        room = node.room()
        if room.is_over:
            node.logger.critical("no room on disk", **room._asdict())
            node.ending.fill(room)
            return
        if told is None or abs(room.free_bytes - told.free_bytes) > room.low_bytes // _ROOM_STEPS:
            await node.loop.room_measured(room)
            told = room
        await trio.sleep(ROOM_S)


async def _report(node: Node, manager: ServiceManager) -> None:
    """The service manager's line of status."""
    while True:
        await trio.sleep(STATUS_S)
        manager.status(_condition(node))


async def _watch(node: Node, manager: ServiceManager, interval_s: float) -> None:
    """Tell the watchdog that the loop turns; a stuck loop is the service manager's to end."""
    while True:
        if time.monotonic() - node.loop.alive_at < ALIVE_S:
            manager.watchdog()
        await trio.sleep(interval_s)


def _condition(node: Node) -> str:
    core = node.loop.engine.core
    text = describe_condition(node.loop.engine, core.spec.slot_at(_clock()))
    return f"final {core.tree.root.height}, head {core.head.height}, {len(core.peers)} peers; {text}"


def _publish(hub: EventHub, ending: Ending, logger: FilteringBoundLogger, publication: Publication) -> None:
    hub.publish(publication)
    match publication:
        case BlockFinal(block, latency_ms):
            header = block.header
            counted = len(block.transactions)
            logger.info("block final", height=header.height, slot=header.slot, transactions=counted, latency_ms=latency_ms)
        case HeadChanged(subject):
            logger.debug("head changed", height=subject.height, slot=subject.slot)
        case SlotMissed(slot, delegate, reason, code):
            logger.info("slot missed", slot=slot, delegate=delegate, reason=reason.value, code=code)
        case Noted(level, event, fields):
            logger.log({"info": 20, "warning": 30}[level], event, **fields)
        case ContradictionSeen(offence):
            logger.warning("contradicting signatures seen", voter=offence.key, slot=offence.slot, what=offence.kind.value)
        case ProtocolOutgrown(version, height, supported):
            logger.error("protocol outgrown", wanted=version, height=height, supported=supported)
            ending.outgrow(publication)
