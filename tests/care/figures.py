"""What a verification, an export and an import cost: CPU time by transfer, and by signature, on a chain of full blocks.

.venv/bin/python -m tests.care.figures [--blocks 40] [--transfers 1000] [--accounts 1000]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from p2pchain.care.exporting import Format, Heights, Table, Target, export
from p2pchain.care.importing import import_blocks
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.verification import Scope
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.state import Changes
from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import open_store
from p2pchain.storage.inspection import inspect
from tests.care.homes import verify
from tests.fakes.chain import ChainMaker, make_genesis


def _fill(folder: Path, maker: ChainMaker, blocks: int, transfers: int) -> None:
    at = maker.root
    with open_store(folder, maker.genesis) as store:
        for _ in range(blocks):
            made = maker.extend(at, transfers=transfers)
            store.commit(Commit(blocks=[made.stored], final=[made.made.id], confirms=[maker.certificate(made, Kind.CONFIRM)]))
            at = made._replace(layers=(Changes(made.rows, made.changes.state_root, made.nodes),))


def _measured(name: str, transfers: int, work: Callable[[], object]) -> None:
    own, others, began = time.process_time(), _children(), time.monotonic()
    work()
    cpu, wall = time.process_time() - own, time.monotonic() - began
    more = _children() - others
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        f"{name:<28} {1e6 * cpu / transfers:6.1f} us CPU here, {1e6 * more / transfers:6.1f} in workers, "
        f"{1e6 * wall / transfers:6.1f} us passed, a transfer; {peak} MB at most so far\n"
    )
    sys.stdout.flush()


def _children() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--transfers", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    chosen = parser.parse_args()
    maker = ChainMaker(make_genesis(accounts=chosen.accounts))
    total = chosen.blocks * chosen.transfers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder / "data", maker, chosen.blocks, chosen.transfers)
        size = (folder / "data" / "chain" / "data.mdb").stat().st_size
        sys.stdout.write(f"{total} transfers in {chosen.blocks} blocks, {size / 1e6:.1f} MB on disk\n")

        def check(scope: Scope, jobs: int) -> None:
            assert verify(folder / "data", maker.genesis, scope, jobs).problem is None

        def write(table: Table) -> None:
            target = Target(folder / table.value, Format.JSONL)
            with inspect(folder / "data", maker.genesis) as inspection:
                export(inspection, maker.genesis, table, Heights(1, chosen.blocks), target, lambda _doing, _done: None)

        def read() -> None:
            with SignatureWorkers(2) as workers:
                import_blocks(folder / "blocks", folder / "copy", maker.genesis, Recoveries(), workers, lambda _doing, _done: None)

        _measured("verify --quick", total, lambda: check(Scope(quick=True), 0))
        _measured("verify --jobs 0", total, lambda: check(Scope(), 0))
        _measured("verify --jobs 2", total, lambda: check(Scope(), 2))
        _measured("export blocks", total, lambda: write(Table.BLOCKS))
        _measured("export transfers", total, lambda: write(Table.TRANSFERS))
        _measured("import --jobs 2", total, read)
    return 0


if __name__ == "__main__":
    sys.exit(main())
