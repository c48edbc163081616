"""Everything that a home's chain claims, checked again: hashes, links, signatures, certificates, transitions, roots, rows.

Three levels by height.  Below `from_height` (and everywhere with `quick`) blocks are read, named and linked, and what each is said
to have done to the state is held against the root in its header.  From there on signatures are checked and blocks executed and
made final, by `node.replay`.  At the end, where that is the last final block, every row is compared with the rows of the store.

Ends at the first thing that is wrong, in order of height: what stands above a bad block says nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import zip_longest
from typing import NamedTuple

from p2pchain.care.blocks import Found, Sound, checked, read_finals, read_found
from p2pchain.care.problem import REPAIR, SYNC_AGAIN, Problem, ProblemError, wrong
from p2pchain.care.pruned import Kept
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.state import State, scratch_state
from p2pchain.care.unfinal import check_unfinal
from p2pchain.chain.block import Header
from p2pchain.chain.errors import Code, Refusal
from p2pchain.chain.genesis import Genesis
from p2pchain.chain.outcomes import failures_in
from p2pchain.chain.recovery import Recoveries
from p2pchain.chain.schedule import Schedule
from p2pchain.chain.state import Changes, View
from p2pchain.chain.tree import Root
from p2pchain.chain.types import BlockId, Height, Slot
from p2pchain.chain.votes import Subject
from p2pchain.node.replay import Replay
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.inspection import Inspection, Snapshot, StoredFinal
from p2pchain.storage.layout import decode_record, decode_rows, encode_record

Tick = Callable[[str, int], None]
"""What is being done, and how many bytes of it have been done since the last call."""


TICK_ROWS = 10_000
"""To say that it goes on costs as much as comparing a few rows."""


class Scope(NamedTuple):
    """Which blocks, and how closely."""

    from_height: int = 1
    to_height: int | None = None
    """None: the last final one."""
    quick: bool = False


class Verdict(NamedTuple):
    """What came of it."""

    final: int
    """Last final height of the store."""
    first: int
    last: int
    """Heights of the blocks that were found sound; `last` is below `first` where none was."""
    transactions: int = 0
    signatures: int = 0
    unfinal: int = 0
    rows: int | None = None
    """Compared; None where the check ended below the last final block, or old blocks were pruned."""
    pruned: int = 0
    """Blocks up to here are gone but for headers and confirms: nothing above was executed either."""
    problem: Problem | None = None


class Verification:
    """One pass over a store.  `good` is the last height up to which everything was found sound."""

    def __init__(self, inspection: Inspection, genesis: Genesis, scope: Scope, recoveries: Recoveries, tick: Tick) -> None:
        self._inspection = inspection
        self._genesis = genesis
        self._scope = scope
        self._recoveries = recoveries
        self._tick = tick
        self._subject = Subject(Slot(0), Height(0), genesis.block_id)
        self._pending: dict[bytes, Changes] = {}
        """Of blocks that are executed and not proven yet."""
        self.transactions = self.signatures = 0
        self.good = self._pruned = 0

    def run(self, workers: SignatureWorkers) -> Verdict:
        top = 0
        unfinal, rows, problem = 0, None, None
        first = self._scope.from_height
        try:
            top = self._inspection.last_height()
            self._check_genesis()
            self._pruned = self._inspection.pruned_height()
            if self._pruned:
                top, unfinal = self._check_pruned(workers, top)
                return Verdict(top, first, self.good, self.transactions, self.signatures, unfinal, None, self._pruned)
            with scratch_state(self._genesis) as state:
                top, unfinal, rows = self._check_blocks(state, workers, top)
        except ProblemError as error:
            problem = error.problem
        except DamagedStore as error:
            problem = Problem("store", str(error).partition(";")[0], "a store that a node opens wanted", SYNC_AGAIN)
        return Verdict(top, first, self.good, self.transactions, self.signatures, unfinal, rows, self._pruned, problem)

    def _check_genesis(self) -> None:
        [stored] = self._inspection.finals(range(1))
        if stored.block != self._genesis.block_id or stored.named_height != 0:
            raise wrong("genesis", f"height 0 is {stored.block.hex()}", f"{self._genesis.block_id.hex()} wanted", todo=SYNC_AGAIN)
        found, wanted = self._inspection.genesis_root(), self._genesis.changes().state_root
        if found != wanted:
            raise wrong("genesis", f"its state root is stored as {found.hex()}", f"{wanted.hex()} wanted", todo=SYNC_AGAIN)

    def _check_blocks(self, state: State, workers: SignatureWorkers, top: int) -> tuple[int, int, int | None]:
        scope = self._scope
        last = top if scope.to_height is None else min(top, scope.to_height)
        full_from = last + 1 if scope.quick else scope.from_height
        self._check_links(range(1, min(full_from, last + 1)), state)
        replay = self._new_replay(state)
        self._execute(range(full_from, last + 1), state, replay, workers)
        if scope.to_height is not None and last < top:
            return top, 0, None
        # a node may run: the rest in one state of its disk, in which nothing changes any more
        with self._inspection.snapshot() as snapshot:
            top = snapshot.final.height
            if scope.quick:
                self._check_links(range(last + 1, top + 1), state)
            else:
                self._execute(range(last + 1, top + 1), state, replay, workers)
            self._require_proven(replay, top)
            self._check_counts(snapshot, top)
            unfinal = 0 if scope.quick else self._unfinal(snapshot, replay)
            return top, unfinal, self._compare_rows(snapshot, state)

    def _new_replay(self, state: State) -> Replay:
        """Where the links have come to."""
        return self._replay(Root(self._subject, state.root, Schedule.load(state)), state)

    def _replay(self, root: Root, view: View) -> Replay:
        return Replay(self._genesis.spec(), root, view, time.time_ns() // 1_000_000, self._recoveries)

    # --- a home that was pruned

    def _check_pruned(self, workers: SignatureWorkers, top: int) -> tuple[int, int]:
        """What is left of old blocks, the newer ones without executing them, and in the end those that are not final yet."""
        last = top if self._scope.to_height is None else min(top, self._scope.to_height)
        # a reader alone, for nothing is executed; so it stands on the genesis, whatever the store's end is like
        changes = self._genesis.changes()
        reader = self._replay(Root(self._subject, changes.state_root, self._genesis.schedule()), changes)
        kept = Kept(self._inspection, reader, workers, self._scope.quick)
        while self._subject.height < min(self._pruned, last):
            for remains, count in kept.headers(range(self._subject.height + 1, min(self._pruned, last) + 1)):
                self._follow(remains.header, remains.stored.block)
                self.signatures += count
                self._tick("links", len(remains.stored.header))
            self._pruned = self._inspection.pruned_height()  # a node that runs may have gone on with it
        self._check_kept(kept, last)
        if last < top:
            return top, 0
        with self._inspection.snapshot() as snapshot:
            top, replay = snapshot.final.height, self._replay_above(snapshot)
            self._check_kept(kept, top)
            self._check_counts(snapshot, top)
            return top, 0 if self._scope.quick else self._unfinal(snapshot, replay)

    def _check_kept(self, kept: Kept, last: int) -> None:
        flushed = self._inspection.progress().flushed
        for found, count in kept.blocks(range(self._subject.height + 1, last + 1)):
            self._link(found)
            self.signatures += count
            if not kept.quick and found.stored.height <= flushed:
                self._check_index(found)
            self._passed(found, "blocks")

    def _replay_above(self, snapshot: Snapshot) -> Replay:
        return self._replay(Root(snapshot.final, snapshot.state_root, Schedule.load(snapshot)), snapshot)

    # --- links and roots

    def _check_links(self, heights: range, state: State) -> None:
        replay = self._new_replay(state)
        for stored in self._inspection.finals(heights):
            found, _ = read_found(stored, replay)
            self._link(found)
            changes, header = state.after(self._rows_of(found)), found.block.header
            if changes.state_root != header.state_root:
                words = f"its changes give state {changes.state_root.hex()}"
                raise wrong("state", words, f"{header.state_root.hex()} wanted", height=stored.height)
            self._compare_record(stored, found, changes)
            state.apply(changes)
            self._passed(found, "links")
            self.good = stored.height

    def _link(self, found: Found) -> None:
        """Each block stands on the one below and is later."""
        self._follow(found.block.header, found.block.id)

    def _follow(self, header: Header, block: bytes) -> None:
        below = self._subject
        if header.parent != below.block:
            raise wrong("block", f"its parent is {header.parent.hex()}", f"{below.block.hex()} wanted", height=header.height)
        if header.slot <= below.slot:
            raise wrong("block", f"its slot is {header.slot}", f"one after {below.slot} wanted", height=header.height)
        self._subject = Subject(header.slot, header.height, BlockId(block))
        self.good = max(self.good, self._pruned and header.height)

    def _rows_of(self, found: Found) -> dict[bytes, bytes]:
        try:
            return decode_rows(decode_record(found.stored.value, found.stored.key).rows, found.stored.key)
        except DamagedStore as error:
            raise wrong("state", str(error).partition(";")[0], "rows that can be read wanted", height=found.stored.height) from error

    def _passed(self, found: Found, doing: str) -> None:
        self.transactions += len(found.block.transactions)
        self._tick(doing, len(found.stored.value))

    # --- everything

    def _execute(self, heights: range, state: State, replay: Replay, workers: SignatureWorkers) -> None:
        flushed = self._inspection.progress().flushed
        for sound in checked(read_finals(self._inspection.finals(heights), replay), workers):
            self._link(sound.found)
            self._extend(sound, state, replay)
            if sound.found.stored.height <= flushed:
                self._check_index(sound.found)
            self._passed(sound.found, "blocks")
            self.signatures += sound.signatures

    def _extend(self, sound: Sound, state: State, replay: Replay) -> None:
        stored = sound.found.stored
        try:
            commit = replay.extend(sound.block, sound.confirms)
        except Refusal as refusal:
            place = {Code.WRONG_CERTIFICATE: "certificate", Code.WRONG_STATE_ROOT: "state"}.get(refusal.code, "block")
            todo = "install a p2pchain that knows it" if refusal.code is Code.PROTOCOL_TOO_OLD else REPAIR
            raise wrong(place, str(refusal), "what the rules of the network allow wanted", todo=todo, height=stored.height) from refusal
        for block, changes in commit.blocks:
            self._pending[block.id] = changes
            self._compare_record(stored, sound.found, changes)
        for item in commit.final:
            state.apply(self._pending.pop(item))
        replay.settled()
        self.good = replay.final.height

    def _compare_record(self, stored: StoredFinal, found: Found, changes: Changes) -> None:
        """What the log says beside the block: a restart believes it."""
        if stored.value == encode_record(found.block.raw, changes.rows, changes.state_root):
            return
        record, height = decode_record(stored.value, stored.key), stored.height
        if record.state_root != changes.state_root:
            raise wrong("state", f"the log says root {record.state_root.hex()}", f"{changes.state_root.hex()} wanted", height=height)
        if record.failed != failures_in(changes.rows):
            raise wrong("state", "the log names other failed transactions", "those that the block had wanted", height=height)
        raise wrong("state", "the log's changes are not those that the block makes", "the same rows wanted", height=height)

    def _check_index(self, found: Found) -> None:
        ids = [transaction.id for transaction in found.block.transactions]
        missing = self._inspection.finds(ids, found.stored.height) if ids else None
        if missing is not None:
            words = f"transaction {ids[missing].hex()} is not found at its place"
            raise wrong("index", words, f"position {missing} wanted", todo=SYNC_AGAIN, height=found.stored.height)

    def _require_proven(self, replay: Replay, top: int) -> None:
        proven = max(replay.final.height, self._scope.from_height - 1)
        if not self._scope.quick and proven < top:
            words = f"blocks up to {top} are stored as final, and no certificate proves it"
            raise wrong("certificate", words, "confirms of a quorum wanted", height=proven + 1)

    def _check_counts(self, snapshot: Snapshot, top: int) -> None:
        final, heights = snapshot.counts()
        if (final, heights) != (top + 1, top + 1):
            words = f"{final} heights have a block, {heights} blocks have a height"
            raise wrong("store", words, f"{top + 1} of each wanted", todo=SYNC_AGAIN)

        stray = next(snapshot.strays(), None)
        if stray is not None:
            raise wrong("store", f"{stray} belongs to no block of the chain", "no such entry wanted", todo=SYNC_AGAIN)

    def _unfinal(self, snapshot: Snapshot, replay: Replay) -> int:
        count = 0
        for stored in snapshot.unfinal():
            check_unfinal(stored, replay)
            count += 1
        return count

    def _compare_rows(self, snapshot: Snapshot, state: State) -> int:
        """Every row of the store, and every node of the trie over them, against the state that the blocks give."""
        count = 0
        for ours, theirs in zip_longest(state.rows(), snapshot.rows()):
            if ours != theirs:
                raise _differs("row", ours, theirs)
            count += 1
            if count % TICK_ROWS == 0:
                self._tick("rows", 0)
        for ours, theirs in zip_longest(state.nodes(), snapshot.nodes()):
            if ours != theirs:
                raise _differs("node of the state's trie", ours, theirs)
        return count


def _differs(what: str, ours: tuple[bytes, bytes] | None, theirs: tuple[bytes, bytes] | None) -> ProblemError:
    if theirs is None or (ours is not None and ours[0] < theirs[0]):
        assert ours is not None, "one of the two is there"
        return wrong("rows", f"{what} {ours[0].hex()} is missing", "what the blocks give wanted", todo=SYNC_AGAIN)
    if ours is None or theirs[0] < ours[0]:
        return wrong("rows", f"{what} {theirs[0].hex()} comes from no block", "nothing there wanted", todo=SYNC_AGAIN)
    found = f"{what} {ours[0].hex()} is {theirs[1].hex()[:64]}"
    return wrong("rows", found, f"{ours[1].hex()[:64]} wanted, by the blocks", todo=SYNC_AGAIN)
