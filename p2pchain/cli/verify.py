"""`verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from p2pchain.care.file_check import FileCheck
from p2pchain.care.guarded import DiedError
from p2pchain.care.problem import REPAIR, Problem
from p2pchain.care.signatures import SignatureWorkers
from p2pchain.care.verification import Scope, Verdict, Verification
from p2pchain.cli.care_home import CareHome, in_child, jobs_option, open_home, range_options
from p2pchain.cli.care_progress import progress
from p2pchain.cli.failures import Failure
from p2pchain.cli.options import home_option, json_option, settings_option
from p2pchain.storage import StorageError
from p2pchain.storage.inspection import inspect, is_damage


@click.command()
@click.option("--quick", is_flag=True, help="Links, hashes and state roots alone: no signature is checked, no block executed.")
@range_options
@jobs_option
@json_option
@settings_option
@home_option
def verify(*, quick: bool, from_height: int, to_height: int | None, jobs: int, as_json: bool) -> None:
    """Check the chain of the home again: every hash, signature, certificate, transition, root and row.

    The node may run meanwhile.  With --from, blocks below are followed by their links and roots; with --to, the check ends there
    and rows are not compared.  Status 1 where something is wrong: the first bad block is named, and what to do.
    """
    from p2pchain.care.home_files import check_files  # noqa: PLC0415 - the network's files, which a help need not load

    if to_height is not None and to_height < from_height:
        raise click.UsageError(f"--to {to_height} lies below --from {from_height}")
    home = open_home()
    verdict = _verdict(home, Scope(from_height, to_height, quick), jobs)
    files = list(check_files(home.config, home.genesis))
    is_well = verdict.problem is None and not any(check.is_grave for check in files)
    if as_json:
        click.echo(json.dumps(_view(verdict, files, is_well=is_well, quick=quick)))
    else:
        for line in _lines(verdict, files, quick=quick):
            click.echo(line)
    click.get_current_context().exit(0 if is_well else 1)


def _verdict(home: CareHome, scope: Scope, jobs: int) -> Verdict:
    """A page that rots where LMDB keeps its own books may end the process that reads it: so that is another one."""
    try:
        return in_child(lambda: _check(home, scope, jobs))
    except DiedError as error:
        words = f"reading it ended the process ({error})"
        problem = Problem("store", words, "pages that can be read wanted", REPAIR + " (with --from-scratch, where that ends too)")
        return Verdict(0, scope.from_height, 0, problem=problem)


def _check(home: CareHome, scope: Scope, jobs: int) -> Verdict:
    try:
        with inspect(home.data_dir, home.genesis) as inspection, SignatureWorkers(jobs) as workers:
            inspection.clear_readers()
            last = inspection.last_height()
            _require_within(scope, last)
            with progress(_totals(scope, last, inspection.sizes)) as tick:
                return Verification(inspection, home.genesis, scope, home.recoveries, tick).run(workers)
    except StorageError as error:
        if not is_damage(error):
            raise
        return Verdict(0, scope.from_height, 0, problem=Problem("store", str(error), "a store of this network wanted", REPAIR))


def _totals(scope: Scope, last: int, sizes: object) -> dict[str, int]:
    assert callable(sizes)
    end = last if scope.to_height is None else min(last, scope.to_height)
    full_from = end + 1 if scope.quick else scope.from_height
    return {"links": sizes(range(1, full_from)), "blocks": sizes(range(full_from, end + 1))}


def _require_within(scope: Scope, last: int) -> None:
    for name, height in (("--from", scope.from_height), ("--to", scope.to_height or 0)):
        if height > max(1, last):
            raise Failure(f"{name} is {height}, the last final block of this home has height {last}")


def _view(verdict: Verdict, files: Sequence[FileCheck], *, is_well: bool, quick: bool) -> dict[str, object]:
    problem = None if verdict.problem is None else verdict.problem._asdict()
    checks = [{"name": each.name, "found": each.found, "grave": each.is_grave, "todo": _todo(each)} for each in files]
    return {"well": is_well, "quick": quick, **verdict._asdict(), "problem": problem, "files": checks}


def _lines(verdict: Verdict, files: Sequence[FileCheck], *, quick: bool) -> list[str]:
    heights = f"blocks {verdict.first} to {verdict.last}" if verdict.last >= verdict.first else "no block"
    what = "hashes, links and roots" if quick else f"{verdict.signatures} signatures, {verdict.transactions} transactions"
    lines = [f"checked   {heights} of {verdict.final} final ones: {what}"]
    if verdict.unfinal:
        lines.append(f"unfinal   {verdict.unfinal} blocks")
    if verdict.pruned:
        lines.append(f"pruned    up to height {verdict.pruned}: headers and confirms were checked, and no block above could be executed")
    rows = "not compared" if verdict.rows is None else f"{verdict.rows}, all equal"
    lines.append(f"rows      {rows}")
    lines += [f"{each.name:<9} {each.found}" + (f" ({_todo(each)})" if each.problem else "") for each in files]
    if verdict.problem is not None:
        problem = verdict.problem
        where = problem.place if problem.height is None else f"{problem.place} of height {problem.height}"
        lines += [f"bad       {where}", f"found     {problem.found}", f"wanted    {problem.wanted}", f"to do     {problem.todo}"]
    return lines


def _todo(check: FileCheck) -> str:
    return "" if check.problem is None else check.problem.todo
