"""From messages of catching up to events: questions, headers with their proofs, and bodies whose ids are proven."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from p2pchain.chain.block import Block, decode_envelope, header_check
from p2pchain.chain.crypto import SignatureCheck, Verified
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import ZERO_HASH, BlockId, ChainId
from p2pchain.chain.votes import Certificate, Subject, certificate_checks
from p2pchain.node import events
from p2pchain.node.core import Core
from p2pchain.node.events import Event, Peer
from p2pchain.node.header_chain import Headers, choose_proofs, read_headers
from p2pchain.node.opened import Opened, OpenedTransaction, Results, require_verified
from p2pchain.wire import messages

OpenTransaction = Callable[[bytes], OpenedTransaction]
Question: TypeAlias = messages.GetBlocks | messages.GetBranch | messages.GetProofs | messages.GetBodies
"""What a peer may ask of the chain."""


def read_question(peer: Peer, message: Question) -> Event:
    """What a peer asks for."""
    match message:
        case messages.GetBlocks():
            return events.BlocksRequested(peer, *message)
        case messages.GetBranch():
            return events.BranchRequested(peer, *message)
        case messages.GetProofs():
            return events.ProofsRequested(peer, *message)
        case messages.GetBodies():
            return events.BodiesRequested(peer, *message)
        case _:
            assert_never(message)


def open_bodies(core: Core, peer: Peer, message: messages.Blocks, open_transaction: OpenTransaction) -> Opened:
    """Blocks whose ids are proven: one that is another ends the answer before a single signature is checked.

    The certificate that a proven header commits to was checked by those who confirmed it.
    """
    chain_id = ChainId(core.spec.chain_id)
    blocks: list[tuple[Block, int]] = []
    checks: list[SignatureCheck] = []
    for height, raw in zip(core.asked_bodies[message.request], message.items[::2], strict=False):
        if height <= core.tree.root.height:
            continue  # another peer was quicker
        try:
            envelope = decode_envelope(raw)
            if core.proven.id_at(height) != envelope.id:
                break
            opened = [open_transaction(item) for item in envelope.transactions]
        except Invalid:
            break  # a quorum confirmed this id, so another version may be in force here: nobody's lie
        block = envelope.with_transactions([item.value for item in opened])
        needed = [header_check(block.header_raw, block.header.producer, block.signature, chain_id)]
        needed += [check for item in opened for check in item.checks]
        blocks.append((block, len(needed)))
        checks += needed

    def finish(results: Results) -> Event:
        verified: list[tuple[Verified[Block], None]] = []
        at = 0
        for block, count in blocks:
            verified.append((require_verified(block, results[at : at + count], "block"), None))
            at += count
        return events.BlocksReceived(peer, message.request, tuple(verified))

    return Opened(checks, finish)


def open_proofs(core: Core, peer: Peer, message: messages.Proofs) -> Opened:
    """Headers up to the last one that the set above the final block confirmed, or that an installed recovery names."""
    headers = read_headers(message.items)
    if headers is None:
        return Opened([], lambda _: events.ProofsReceived(peer, message.request, BlockId(ZERO_HASH), (), (), 0))
    below, base = _cut_at_recovery(core, headers)
    proofs = choose_proofs(below, core.tree.root.schedule.keys, core.proven.spacing)
    top = base.height if base is not None else proofs[-1].subject.height if proofs else 0
    links = tuple(link for link in headers.links if link.height <= top)
    parts = [certificate_checks(proof, ChainId(core.spec.chain_id)) for proof in proofs]

    def finish(results: Results) -> Event:
        verified: list[Verified[Certificate]] = []
        at = 0
        for proof, part in zip(proofs, parts, strict=True):
            verified.append(require_verified(proof, results[at : at + len(part)], "certificate"))
            at += len(part)
        return events.ProofsReceived(peer, message.request, headers.parent, links, tuple(verified), len(headers.links))

    return Opened([check for part in parts for check in part], finish)


def _cut_at_recovery(core: Core, headers: Headers) -> tuple[Headers, Subject | None]:
    """The headers below the base of the next recovery, by whose rules those above it are made; and the base, where it is among them."""
    pending = core.recoveries.next_above(core.tree.root.height)
    if pending is None:
        return headers, None
    below = max(0, pending.base.height - headers.links[0].height)
    found = headers.links[below] if below < len(headers.links) else None
    cut = headers._replace(links=headers.links[:below], confirms=headers.confirms[:below])
    return cut, found if found == pending.base else None
