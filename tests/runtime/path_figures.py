"""What each stage of a transaction's way costs one node, in us of processor time a transaction: the table of docs/performance.md.

    .venv/bin/python -m tests.runtime.path_figures [--transactions 5000] [--senders 2500] [--runs 5] [--json]

One process, the real engine, codec and store, no network: what is measured is the node's own work and nobody else's.
The best of several runs: other work on the machine makes a run slower, nothing makes it faster.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import click
import msgpack

from p2pchain.api.submission import ITEMS_MAX, split_body
from p2pchain.api.views import result_view
from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.block import Block
from p2pchain.chain.compact import CompactForm
from p2pchain.chain.crypto import Domain, attest, verify_batch
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.mempool import Limits
from p2pchain.chain.reveal import RevealSecret
from p2pchain.chain.transaction import build_transaction
from p2pchain.chain.types import ChainId, PublicKey
from p2pchain.chain.votes import Ballot, Kind, encode_subject
from p2pchain.chain.voting import SignState
from p2pchain.node import events
from p2pchain.node.effects import Broadcast, Effects, SignBallot, SignBlock
from p2pchain.node.engine import Engine, Identity
from p2pchain.node.events import Event, Peer, RequestId
from p2pchain.node.intake import Intake, OpenedTransaction, require_verified
from p2pchain.node.producer import sealed
from p2pchain.storage import open_store
from p2pchain.storage.store import LmdbStore
from p2pchain.wire.framing import FrameReader, encode_frame
from p2pchain.wire.messages import MESSAGES, CompactBlock, Message, Tips, Transactions
from tests.fakes.world import GENESIS_MS, make_genesis, signer

ALL_TYPES = frozenset(message.TYPE for message in MESSAGES)
SUBMIT_BATCH = 500
DELEGATES = 4
KEYS = {signer(1000 + i).public_key: signer(1000 + i) for i in range(DELEGATES)}


class Stages:
    """Seconds of processor time by stage, the least of all runs, and which of them one delegate does in every block."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._run: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = process_time()
        yield
        self._run[name] = self._run.get(name, 0.0) + process_time() - begun

    def end_run(self) -> None:
        for name, seconds in self._run.items():
            self.seconds[name] = min(seconds, self.seconds.get(name, seconds))
        self._run = {}


class Bench:
    """One delegate's engine over a real store, its three peers played by this module."""

    def __init__(self, genesis: Genesis, number: int, folder: Path, stages: Stages) -> None:
        self.genesis, self.number, self.stages = genesis, number, stages
        self.spec = genesis.spec()
        self.key = signer(1000 + number)
        self.store: LmdbStore = open_store(folder, genesis)
        identity = Identity(self.key.public_key, SignState(), RevealSecret.derive(self.key, genesis.chain_id))
        limits = Limits(transactions_max=100_000)
        self.now_ms = GENESIS_MS
        self.engine = Engine(self.spec, self.store.recovered().root, self.store, identity, limits, self.now_ms)
        self.intake = Intake(self.engine.core, self.engine.expects, self.engine.consensus.known_voters)
        self.sent: list[Message] = []
        self.handle(events.TimeReached(), "start")
        tips = Tips(self.engine.core.tree.root.subject, self.engine.core.head.subject)
        for peer in range(DELEGATES):
            if peer != number:
                self.handle(events.PeerJoined(Peer(peer), tips), "start")

    def handle(self, event: Event, stage: str) -> Effects:
        """The engine's answer, its commit written durably, its signatures handed back."""
        with self.stages.stage(stage):
            effects = self.engine.handle(event, self.now_ms)
        if effects.commit:
            with self.stages.stage(f"{stage}: commit"):
                self.store.commit(effects.commit)
            self.engine.settled()
        self.sent += [out.message for out in effects.send if isinstance(out, Broadcast)]
        for request in effects.sign:
            self.handle(*self._signed(request))
        return effects

    def _signed(self, request: SignBlock | SignBallot) -> tuple[Event, str]:
        chain_id = ChainId(self.spec.chain_id)
        if isinstance(request, SignBallot):
            signature = self.key.sign(request.kind.domain, chain_id, encode_subject(request.subject))
            ballot = Ballot(request.kind, request.subject, self.key.public_key, signature)
            return events.BallotReceived(None, require_verified(ballot, [True], "ballot")), "votes and finality"
        signature = self.key.sign(Domain.BLOCK, chain_id, request.header)
        with self.stages.stage("leader: sealing and reading its own block"):
            event = own_block(self.intake, request, signature)
        return event, "leader: importing its own block"

    def open(self, peer: int, message: Message, stage: str) -> Event | None:
        """From the bytes of a frame to an event, its signatures checked."""
        frame = encode_frame(message)
        with self.stages.stage(f"{stage}: frame"):
            reader = FrameReader()
            reader.feed(frame)
            read = reader.next_message(ALL_TYPES)
            assert read is not None
        with self.stages.stage(f"{stage}: decode"):
            opened = self.intake.open(Peer(peer), read)
        if opened is None:
            return None
        with self.stages.stage(f"{stage}: verify"):
            results = verify_batch(opened.checks)
        return opened.finish(results)

    def close(self) -> None:
        self.store.close()


def own_block(intake: Intake, request: SignBlock, signature: bytes) -> Event:
    block, checks = intake.read_block(sealed(request, signature))
    return events.BlockReceived(None, require_verified(block, verify_batch(checks), "our own block"))


def submit(bench: Bench, items: list[bytes]) -> None:
    """As over HTTP in full requests, then to the peers."""
    for start in range(0, len(items), ITEMS_MAX):
        _submit_body(bench, items[start : start + ITEMS_MAX])


def _submit_body(bench: Bench, items: list[bytes]) -> None:
    stages = bench.stages
    body = msgpack.packb(items)
    with stages.stage("submitted: split body"):
        split = [item for item in split_body(body, "application/msgpack") if isinstance(item, bytes)]
    views = []
    for start in range(0, len(split), SUBMIT_BATCH):
        batch = split[start : start + SUBMIT_BATCH]
        with stages.stage("submitted: decode"):
            opened = [item for item in bench.intake.open_submitted(batch) if isinstance(item, OpenedTransaction)]
        with stages.stage("submitted: verify"):
            results = verify_batch([check for item in opened for check in item.checks])
        verified = tuple(filter(None, (attest(item.value, [ok]) for item, ok in zip(opened, results, strict=True))))
        effects = bench.handle(events.TransactionsSubmitted(RequestId(start), verified), "submitted: admit to the pool")
        with stages.stage("submitted: answer in JSON"):
            views += [result_view(result) for answer in effects.answer for result in answer.results]
            json.dumps(views[-SUBMIT_BATCH:])
    bench.now_ms += 10
    bench.handle(events.TimeReached(), "submitted: admit to the pool")
    with stages.stage("submitted: encode for peers (once for all of them)"):
        frames = [encode_frame(message) for message in bench.sent if isinstance(message, Transactions)]
    assert sum(map(len, frames)) > len(items)


def receive(bench: Bench, source: int, messages: list[Message]) -> None:
    for message in messages:
        event = bench.open(source, message, "from a peer")
        if event is not None:
            bench.handle(event, "from a peer: admit to the pool")


def payments(genesis: Genesis, count: int, senders: int) -> list[bytes]:
    spec = genesis.spec()
    made = []
    for place in range(count):
        nonce, sender = divmod(place, senders)
        action = Transfer(signer(3000 + (sender + 1) % senders).public_key, 1)
        made.append(build_transaction(signer(3000 + sender), spec, [action], nonce=nonce, valid_until=5_000))
    return made


def leader_of(bench: Bench, slot: int) -> int:
    key = bench.engine.core.head.schedule.turn(slot).delegate.consensus_key
    return next(i for i in range(DELEGATES) if signer(1000 + i).public_key == key)


def ballots(bench: Bench, block: Block, kind: Kind) -> Iterator[Event]:
    subject = bench.engine.core.tree.root.subject._replace(slot=block.header.slot, height=block.header.height, block=block.id)
    for number in range(DELEGATES):
        if number != bench.number:
            key = signer(1000 + number)
            signature = key.sign(kind.domain, ChainId(bench.spec.chain_id), encode_subject(subject))
            ballot = Ballot(kind, subject, PublicKey(key.public_key), signature)
            yield events.BallotReceived(Peer(number), require_verified(ballot, [True], "ballot"))


def finish(bench: Bench, block: Block) -> None:
    """Votes and confirms of the others: the block becomes final."""
    for kind in Kind:
        for event in ballots(bench, block, kind):
            bench.handle(event, "votes and finality")
    assert bench.engine.core.tree.root.id == block.id, "the block is final"


def run_once(folder: Path, genesis: Genesis, items: list[bytes], stages: Stages) -> None:
    first = Bench(genesis, 0, folder / "probe", Stages())
    slot = next(slot for slot in range(4, 20) if leader_of(first, slot) == 0)
    other = leader_of(first, slot - 1)
    first.close()
    leader = Bench(genesis, 0, folder / "leader", stages)
    follower = Bench(genesis, 1 if other != 1 else 2, folder / "follower", stages)
    submit(leader, items)
    receive(follower, 0, [message for message in leader.sent if isinstance(message, Transactions)])
    assert len(leader.engine.core.pool) == len(follower.engine.core.pool) == len(items)
    leader.now_ms = follower.now_ms = leader.spec.slot_start_ms(slot) + 1
    follower.handle(events.TimeReached(), "a new slot with a full pool")
    leader.sent.clear()
    leader.handle(events.TimeReached(), "leader: choosing and executing")
    compact = next(message for message in leader.sent if isinstance(message, CompactBlock))
    block = leader.engine.core.head.block
    assert block is not None
    assert len(block.transactions) == len(items)
    event = follower.open(0, compact, "compact block")
    assert isinstance(event, events.CompactBlockReceived)
    assert isinstance(event.block.value, CompactForm)
    follower.handle(event, "compact block: assembling and importing")
    assert follower.engine.core.head.id == block.id
    finish(follower, block)
    stages.end_run()
    leader.close()
    follower.close()


@click.command()
@click.option("--transactions", default=5_000, show_default=True)
@click.option("--senders", default=2_500, show_default=True)
@click.option("--runs", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(transactions: int, senders: int, runs: int, *, as_json: bool) -> None:
    """Measure every stage."""
    stages = Stages()
    genesis = make_genesis(DELEGATES, accounts=senders, block_transactions_max=20_000, block_bytes_max=4 << 20)
    items = payments(genesis, transactions, senders)
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            run_once(Path(folder), genesis, items, stages)
    figures = {name: round(seconds / transactions * 1e6, 2) for name, seconds in stages.seconds.items()}
    if as_json:
        click.echo(json.dumps(figures, indent=1))
        return
    for name, us in figures.items():
        click.echo(f"{name:<60}{us:8.2f} us")


if __name__ == "__main__":
    main()
