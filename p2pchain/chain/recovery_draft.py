"""Drafting a recovery from the records of all delegates that remain.

The base is the newest block that any of them holds certified, is locked on or holds final.  Whoever believes a block
final has seen the confirms of a quorum of the set above its last final block; as long as fewer than a quorum of each
set that matters are gone, one that remains is among them, and is locked on that block or on a later certified one,
which extends it.  The sets that matter are those from the newest final block of any record up to the base, and the
one above the base: an election on the way must not hide those who confirmed (docs/decisions/0027).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.crypto import verify_batch
from p2pchain.chain.errors import Code, Invalid
from p2pchain.chain.recovery import Recovery, loses_finality, remaining_of
from p2pchain.chain.schedule import quorum
from p2pchain.chain.state import CANDIDATES, ActiveDelegate
from p2pchain.chain.tree import Tree
from p2pchain.chain.types import ChainId, PublicKey, Slot
from p2pchain.chain.votes import Certificate, Subject, certificate_checks
from p2pchain.chain.voting import NOTHING, SignState


class Seats(NamedTuple):
    """An active set, and the height of the first block that it governs."""

    from_height: int
    members: tuple[ActiveDelegate, ...]


class Report(NamedTuple):
    """What one node has on disk, as far as a recovery needs it."""

    chain_id: ChainId
    account: bytes | None
    """Of the delegate; None for an observer, whose final blocks count too."""
    slot: int
    """When the report was made."""
    lost_record: bool
    """A delegate without its record does not know its lock: it counts as one more that is gone."""
    running: bool
    """A node that runs may vote for more: its report is to look at, and nothing is drafted from it."""
    final: Subject
    newest: Subject
    """The newest of: its last final block, the newest certified one, the one that it is locked on."""
    certificate: Certificate | None
    """For `newest`, where it is not final here."""
    signed_slot: int
    """Of the latest thing that it signed."""
    seats: tuple[Seats, ...]
    """The sets from the one above `final` to the one above `newest`."""
    candidates: tuple[bytes, ...]
    """Accounts of all delegates that stand for election above `newest`."""
    silent: tuple[bytes, ...]
    """Active delegates of which no block above `final` is known here."""


class Draft(NamedTuple):
    """A recovery that nobody has signed yet, and how it came about."""

    recovery: Recovery
    words: list[str]


class Circumstances(NamedTuple):
    """The circumstances of a report."""

    chain_id: ChainId
    slot: int
    running: bool


def report_of(tree: Tree, key: PublicKey | None, sign: SignState | None, circumstances: Circumstances) -> Report:
    """What a node would say of itself; `Invalid` where its records contradict each other."""
    state = sign or SignState()
    locked = tree.get(state.lock.block)
    if state.lock.slot > tree.root.slot and locked is None:
        raise Invalid(Code.BAD_RECOVERY, f"this delegate is locked on block {state.lock.block.hex()}, which its store does not hold")
    newest = max((node for node in (tree.root, tree.newest_certified(), locked) if node is not None), key=lambda node: node.slot)
    seats = [Seats(tree.root.height + 1, tree.root.schedule.active)]
    for node in tree.path(newest):
        if node.schedule.active != seats[-1].members:
            seats.append(Seats(node.height + 1, node.schedule.active))
    account = next((member.account for _, members in seats for member in members if member.consensus_key == key), None)
    heard = {node.block.header.producer for node in tree.nodes() if node.block is not None}
    silent = tuple(member.account for member in newest.schedule.active if member.consensus_key not in heard)
    return Report(
        circumstances.chain_id,
        account,
        circumstances.slot,
        key is not None and sign is None,
        circumstances.running,
        tree.root.subject,
        newest.subject,
        newest.certificate,
        max(state.produced.slot, state.voted.slot, state.confirmed.slot, NOTHING.slot),
        tuple(seats),
        tuple(candidate_ids(CANDIDATES.load(tree.view(newest)))),
        silent,
    )


Name = Callable[[bytes], str]
"""How an account is called in front of people."""


class Drafting(NamedTuple):
    """What a draft is made from."""

    reports: Sequence[Report]
    removed: Collection[bytes]
    name: Name

    @property
    def unheard(self) -> set[bytes]:
        """Those whose confirms nobody remembers."""
        return {*self.removed, *(report.account for report in self.reports if report.account is not None and report.lost_record)}


def draft(reports: Sequence[Report], removed: Collection[bytes], *, accept_loss: bool = False, name: Name = bytes.hex) -> Draft:
    """The recovery that follows from the reports; `Invalid` where one is missing, or it would not help, or may lose blocks."""
    made = Drafting(reports, removed, name)
    _validate_reports(made)
    base = _newest(reports)
    final = max((report.final for report in reports), key=lambda subject: subject.slot)
    source = max((report for report in reports if report.newest == base), key=lambda report: report.final.slot)
    sets = _sets(source, final)
    _validate_certificate(source, sets)
    _validate_removed(made, source, sets)
    loses = any(loses_finality(members, made.unheard) for members in sets)
    _require(
        accept_loss or not loses,
        "so many delegates are gone, or have lost their record, that they were a quorum by themselves: blocks that only they had"
        " confirmed may be lost, and whoever believed them is contradicted; if you accept that, say --accept-loss",
    )
    signers = sorted({PublicKey(member.consensus_key) for members in sets for member in remaining_of(members, removed)})
    latest = max(max(report.slot, report.signed_slot) for report in reports)
    from_slot = Slot(max(latest, base.slot) + 1)
    recovery = Recovery(reports[0].chain_id, base, from_slot, accept_loss, tuple(sorted(removed)), tuple(signers), {})
    return Draft(recovery, _words(made, recovery, final, sets[-1], loses=loses))


def _validate_reports(made: Drafting) -> None:
    reports = made.reports
    _require(bool(reports), "no report was given, those of all delegates that remain are wanted")
    empty = [_reporter(report, made.name) for report in reports if not report.seats or not all(seats.members for seats in report.seats)]
    _require(not empty, f"the report of {', '.join(empty)} names no active set, one at least is wanted")
    _require(len({report.chain_id for report in reports}) == 1, "the reports are of different networks")
    accounts = [report.account for report in reports if report.account is not None]
    twice = sorted({account for account in accounts if accounts.count(account) > 1})
    _require(not twice, f"two reports of {_list(twice, made.name)}: one of them is old, or its key is used twice")
    running = [_reporter(report, made.name) for report in reports if report.running]
    _require(not running, f"{', '.join(running)} still ran when it was inspected and may have voted since: stop it and inspect again")


def _newest(reports: Sequence[Report]) -> Subject:
    base = max((report.newest for report in reports), key=lambda subject: subject.slot)
    rivals = {report.newest.block for report in reports if report.newest.slot == base.slot}
    _require(len(rivals) == 1, f"two certified blocks in slot {base.slot}: delegates voted twice, and no recovery is safe")
    return base


def _sets(source: Report, final: Subject) -> list[tuple[ActiveDelegate, ...]]:
    """The sets that govern blocks above the newest final one, on the way to the base and above it."""
    last = source.seats[-1]
    ends = [following.from_height for following in source.seats[1:]]
    passed = [seats.members for seats, end in zip(source.seats, ends, strict=False) if end > final.height + 1]
    return [*passed, last.members]


def _validate_certificate(source: Report, sets: list[tuple[ActiveDelegate, ...]]) -> None:
    """The base is final, or its votes are a quorum: a report is a file, and a file may be mistaken for another."""
    if source.newest == source.final:
        return
    certificate, height = source.certificate, source.newest.height
    _require(
        certificate is not None and certificate.subject == source.newest, f"the block at height {height} comes without its certificate"
    )
    assert certificate is not None
    _require(
        all(verify_batch(certificate_checks(certificate, source.chain_id))), f"the certificate of height {height} has a wrong signature"
    )
    keys = {member.consensus_key for member in sets[0]}
    votes, wanted = len(keys & certificate.signatures.keys()), quorum(len(keys))
    _require(votes >= wanted, f"the certificate of height {height} has {votes} votes, {wanted} wanted")


def _validate_removed(made: Drafting, source: Report, sets: list[tuple[ActiveDelegate, ...]]) -> None:
    removed = set(made.removed)
    _require(bool(removed), "nobody is removed: name those that are gone with --without")
    members = {member.account for each in sets for member in each}
    unknown = sorted(removed - members - set(source.candidates))
    _require(not unknown, f"{_list(unknown, made.name)} is no delegate of this network")
    reported = {report.account for report in made.reports if report.account is not None}
    alive = sorted(removed & reported)
    _require(not alive, f"{_list(alive, made.name)} is to be removed, but there is a report of it: it is not gone")
    absent = sorted(members - removed - reported)
    _require(not absent, f"no report of {_list(absent, made.name)}: every delegate that remains must be inspected, or be removed as well")
    _require(bool(remaining_of(sets[-1], removed)), f"all {len(sets[-1])} active delegates would be removed: at least one must remain")
    helps = any(len(remaining_of(each, removed)) < quorum(len(each)) for each in sets)
    _require(helps, "those who remain are a quorum: nothing needs to be recovered, finality returns by itself once they run")


def _words(made: Drafting, recovery: Recovery, final: Subject, active: tuple[ActiveDelegate, ...], *, loses: bool) -> list[str]:
    """What was done, for whoever is asked to sign it."""
    base, remaining = recovery.base, remaining_of(active, recovery.removed)
    return [
        f"From {len(made.reports)} reports. The newest final block among them has height {final.height}, slot {final.slot}.",
        f"Base: height {base.height}, slot {base.slot}: the newest that a report holds final, certified or locked.",
        f"Removed: {_list(recovery.removed, made.name)}. Of {len(active)} active delegates {len(remaining)} remain.",
        f"{len(recovery.signers)} must sign. The chain goes on above the base from slot {recovery.from_slot}.",
        "Blocks that only those who are gone had confirmed MAY BE LOST: they were a quorum by themselves."
        if loses
        else "No confirmed block is lost, if the reports are true and complete.",
    ]


def _reporter(report: Report, name: Name) -> str:
    return "an observer" if report.account is None else name(report.account)


def _list(accounts: Iterable[bytes], name: Name) -> str:
    return ", ".join(name(account) for account in accounts)


def _require(holds: object, words: str) -> None:
    if not holds:
        raise Invalid(Code.BAD_RECOVERY, words)
