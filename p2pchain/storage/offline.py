"""Pruning of a store that no node has open: all at once, in the same small steps, each of them durable and whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from p2pchain.chain.params import ChainSpec
from p2pchain.node.effects import Commit
from p2pchain.node.keeping import Keep, wanted_from
from p2pchain.storage.reclaiming import BEGIN, NoHolesError
from p2pchain.storage.store import LmdbStore


def prune_now(store: LmdbStore, keep: Keep, spec: ChainSpec) -> Iterator[int]:
    """Take out what `keep` does not keep, then give the space back where that can be; the first whole height after each step."""
    final = store.recovered().root.subject
    store.prune_to(wanted_from(keep, store, spec, final.height, final.slot) - 1)
    while store.is_pruning:
        store.commit(Commit())
        yield store.blocks_from
    store.commit(Commit())  # what a commit frees is free to be given back after the next one
    place = BEGIN
    with suppress(NoHolesError):
        while not (done := store.reclaim(place)).is_done:
            place = done.place
            yield store.blocks_from
