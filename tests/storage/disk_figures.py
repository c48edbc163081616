"""What a transfer takes of the disk, ledger and index; what pruning gives back, and how long it stands in anybody's way.

    .venv/bin/python -m tests.storage.disk_figures [--blocks 100] [--transfers 1000] [--accounts 1000]

Transfers go round, each account to the next, so with as many transfers a block as accounts each block touches all of them.
"""

from __future__ import annotations

import tempfile
import time
from itertools import pairwise
from pathlib import Path

import click

from p2pchain.chain.state import Changes
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import LmdbStore, open_store
from p2pchain.storage.history import BlockFacts, HistoryBook, State, carried_after, facts_of, open_book
from p2pchain.storage.reclaiming import BEGIN
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis

KEPT = 10
ENTRIES_MAX = 65_536
"""As `daemon.indexing` has it."""


def make(maker: ChainMaker, store: LmdbStore, blocks: int, transfers: int) -> MadeBlock:
    tip = maker.root
    for number in range(blocks):
        tip = maker.extend(tip, transfers=transfers)
        store.commit(Commit(blocks=[tip.stored]))
        store.commit(Commit(final=[tip.made.id], confirms=[maker.certificate(tip, Kind.CONFIRM)]))
        if number % 20 == 19:
            tip = tip._replace(layers=(Changes(tip.rows, tip.changes.state_root, tip.nodes),))
    return tip


def index(book: HistoryBook, store: LmdbStore, until: int) -> list[float]:
    """CPU seconds between two pauses, the writes apart."""
    steps: list[float] = []
    while book.state.height < until:
        found = store.final_with_rows(book.state.height + 1)
        assert found is not None
        moments = [time.process_time()]
        for facts in facts_of(*found, book.state.carried, store):
            moments += [time.process_time() for _ in (book.batch.add(facts) if isinstance(facts, BlockFacts) else ())]
            moments.append(time.process_time())
        steps += [later - earlier for earlier, later in pairwise(moments)]
        if book.batch.entries >= ENTRIES_MAX or book.state.height == until:
            book.write(book.begin_write())
            book.end_write()
    return steps


def prune(store: LmdbStore) -> tuple[float, float]:
    """The longest share of a commit and the longest slice of giving back, CPU seconds and seconds."""
    share = piece = 0.0
    store.prune_to(1 << 40)
    while store.is_pruning:
        began = time.process_time()
        store.stage(Commit(share=True))
        share = max(share, time.process_time() - began)
        store.sync()
    store.commit(Commit(share=True))
    place = BEGIN
    while True:
        began = time.perf_counter()
        done = store.reclaim(place)
        piece, place = max(piece, time.perf_counter() - began), done.place
        if done.is_done:
            return share, piece


def _at(steps: list[float], share: float) -> float:
    return sorted(steps)[int(len(steps) * share)] * 1e3


@click.command()
@click.option("--blocks", default=100, show_default=True)
@click.option("--transfers", default=1_000, show_default=True, help="In each block.")
@click.option("--accounts", default=1_000, show_default=True)
def main(blocks: int, transfers: int, accounts: int) -> None:
    """Measure what blocks take of the disk, and what pruning gives back."""
    maker = ChainMaker(make_genesis(accounts=accounts))
    number = blocks * transfers
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "data", maker.genesis, kept_blocks_min=KEPT) as store:
        tip = make(maker, store, blocks, transfers)
        ledger = store.disk_bytes
        first = State(1, 0, carried_after(maker.root.changes.rows, {}, is_whole=True))
        book = open_book(Path(folder) / "index", maker.genesis.chain_id, first)
        began = time.process_time()
        steps = index(book, store, blocks)
        indexing, size = time.process_time() - began, book.disk_bytes
        book.close()
        raw = len(tip.made.raw) // transfers
        click.echo(f"{blocks} blocks of {transfers} transfers among {accounts} accounts; a transfer has {raw} bytes on the wire")
        click.echo(
            f"on disk a transfer: ledger {ledger / number:.0f} B, index {size / number:.0f} B, together {(ledger + size) / number:.0f} B"
        )
        pauses = f"between two pauses p50 {_at(steps, 0.5):.2f} ms, p99.9 {_at(steps, 0.999):.1f} ms"
        click.echo(f"indexing: {indexing / number * 1e6:.1f} us CPU a transfer, {pauses}")
        share, piece = prune(store)
        kept = blocks - store.blocks_from + 1
        click.echo(f"pruned to {kept} blocks: {ledger / 1e6:.1f} MB to {store.disk_bytes / 1e6:.1f} MB")
        click.echo(f"longest share of a commit {share * 1e3:.1f} ms CPU, longest slice of giving back {piece * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
