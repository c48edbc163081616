"""Homes with a real chain on disk: signed blocks over a change of the delegates, final one by one, two that are not final yet."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import NamedTuple

from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.verification import Scope, Verdict, Verification
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.schedule import quorum
from p2pchain.chain.types import PublicKey
from p2pchain.chain.votes import Certificate, Kind
from p2pchain.cli.home_making import make_home, new_home_config
from p2pchain.config import Home
from p2pchain.node.effects import Commit
from p2pchain.storage import open_store
from p2pchain.storage.inspection import inspect
from tests.fakes.chain import ChainMaker, signer
from tests.fakes.long_chain import FinalStep, LongChain, ballots_of, stake_of_others
from tests.fakes.world import make_genesis

HEIGHT = 24
CHANGE_AT = 8
FLUSH_BLOCKS = 5


class MadeHome(NamedTuple):
    home: Home
    chain: LongChain

    @property
    def data_dir(self) -> Path:
        return self.home.data

    @property
    def genesis(self) -> Genesis:
        return self.chain.genesis


@cache
def small_chain(height: int = HEIGHT + 2, transfers: int = 3) -> LongChain:
    """The set changes above block 8; all others have transfers, and every block carries the votes on its parent."""
    genesis = make_genesis(4, registered=8)
    maker = ChainMaker(genesis)
    signers = {signer(1000 + number).public_key: number for number in range(8)}
    at, steps, sets = maker.root, list[FinalStep](), list[frozenset[PublicKey]]()
    carried: Certificate | None = None
    for number in range(1, height + 1):
        governors = at.schedule.keys
        stakes = [stake_of_others(maker, at, signers, 10**10)] if number == CHANGE_AT else []
        at = maker.extend(at, transactions=stakes, transfers=0 if stakes else transfers, carried=carried)
        voters = sorted(governors)[: quorum(len(governors))]
        sets.append(governors)
        steps.append(FinalStep(at.stored, ballots_of(maker, at, voters, signers, Kind.CONFIRM)))
        carried = ballots_of(maker, at, voters, signers, Kind.VOTE)
    return LongChain(genesis, steps, sets)


def fill(data_dir: Path, chain: LongChain, final: int, unfinal: int = 0, flush_blocks: int = FLUSH_BLOCKS) -> None:
    """Blocks as a node commits them."""
    with open_store(data_dir, chain.genesis, flush_blocks=flush_blocks) as store:
        for stored, confirms in chain.steps[:final]:
            store.commit(Commit(blocks=[stored]))
            store.commit(Commit(final=[stored.block.id], confirms=[confirms]))
        store.commit(Commit(blocks=[step.stored for step in chain.steps[final : final + unfinal]]))


@cache
def _template() -> TemporaryDirectory[str]:
    """Filled once: each commit waits for the disk."""
    folder = TemporaryDirectory()
    fill(Path(folder.name), small_chain(), HEIGHT, 2)
    return folder


def filled(data_dir: Path) -> Path:
    """A folder with the small chain, all of it final but two blocks."""
    return Path(copytree(_template().name, data_dir, dirs_exist_ok=True))


def make_filled_home(path: Path, *, is_filled: bool = True) -> MadeHome:
    chain = small_chain()
    make_home(new_home_config(path, {"node.role": "observer"}), chain.genesis)
    home = Home(path)
    if is_filled:
        filled(home.data)
    return MadeHome(home, chain)


def verify(data_dir: Path, genesis: Genesis, scope: Scope = Scope(), jobs: int = 0) -> Verdict:  # noqa: B008  (a frozen value)
    with inspect(data_dir, genesis) as inspection, SignatureWorkers(jobs, inline_first=0) as workers:
        return Verification(inspection, genesis, scope, Recoveries(), lambda _doing, _done: None).run(workers)
