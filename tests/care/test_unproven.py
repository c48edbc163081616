"""What a dishonest quorum, a liar or a bug could have put on disk: signed rightly, and against the rules all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from p2pchain.care.verification import Scope, Verdict
from p2pchain.chain.block import Header, decode_envelope, encode_block, encode_header
from p2pchain.chain.crypto import Domain
from p2pchain.chain.state import ACCOUNTS, Account, Changes
from p2pchain.chain.trie.update import update
from p2pchain.chain.types import Hash
from p2pchain.chain.votes import Certificate, Kind, Subject, make_certificate
from p2pchain.node.effects import Commit, StoredBlock
from p2pchain.storage import open_store
from tests.care.homes import verify
from tests.fakes.chain import ChainMaker, MadeBlock, make_genesis, signer

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [2, 1, 2])


def _forged(change: Callable[[Header], Header], rows: dict[bytes, bytes] | None = None) -> MadeBlock:
    """The last block with another header, signed by its producer; and with other changes, of which it tells the root."""
    made = LINE[-1].made
    changes = LINE[-1].changes if rows is None else Changes(rows, *update(LINE[-2].view.node, rows))
    header = encode_header(change(made.header._replace(state_root=changes.state_root)))
    leader = next(signer(1000 + i) for i in range(4) if signer(1000 + i).public_key == made.header.producer)
    signature = leader.sign(Domain.BLOCK, MAKER.genesis.chain_id, header)
    raw = encode_block(header, signature, b"", [item.raw for item in made.transactions])
    block = decode_envelope(raw).with_transactions(made.transactions)
    subject = Subject(block.header.slot, block.header.height, block.id)
    return LINE[-1]._replace(subject=subject, block=block, changes=changes)


def _verified(
    folder: Path,
    last: MadeBlock,
    confirms: Callable[[MadeBlock], Certificate],
    scope: Scope = Scope(),  # noqa: B008  (a frozen value)
) -> Verdict:
    with open_store(folder, MAKER.genesis) as store:
        for block in (*LINE[:-1], last):
            store.commit(Commit(blocks=[StoredBlock(block.made, block.changes)]))
            store.commit(Commit(final=[block.made.id], confirms=[confirms(block)]))
    return verify(folder, MAKER.genesis, scope)


def _by_all(block: MadeBlock) -> Certificate:
    return MAKER.certificate(block, Kind.CONFIRM)


def _by_two(block: MadeBlock) -> Certificate:
    """Two of four are no quorum, though each signature is good."""
    whole = _by_all(block)
    return make_certificate(Kind.CONFIRM, whole.subject, dict(list(whole.signatures.items())[:2]))


def _place(verdict: Verdict) -> tuple[str, int | None]:
    assert verdict.problem is not None
    return verdict.problem.place, verdict.problem.height


def test_what_is_not_forged_is_sound(tmp_path: Path) -> None:
    assert _verified(tmp_path, _forged(lambda header: header), _by_all).problem is None


def test_a_minority_proves_nothing(tmp_path: Path) -> None:
    assert _place(_verified(tmp_path, LINE[-1], _by_two)) == ("certificate", 1)


def test_coins_from_nowhere_are_found_by_executing_whatever_root_and_quorum_say(tmp_path: Path) -> None:
    rich = ACCOUNTS.key(signer(3000).public_key)
    rows = dict(sorted({**LINE[-1].changes.rows, rich: bytes.fromhex("93cf00ffffffffffffff0000")}.items()))
    assert ACCOUNTS.decode(rows[rich]) == Account(2**56 - 1, 0, 0)
    forged = _forged(lambda header: header, rows)
    assert _place(_verified(tmp_path / "whole", forged, _by_all)) == ("state", 3)
    assert _verified(tmp_path / "quick", forged, _by_all, Scope(quick=True)).problem is None, "that is what the quick check leaves out"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda header: header._replace(slot=header.slot + 1), "block"),
        (lambda header: header._replace(state_root=Hash(bytes(32))), "state"),
        (lambda header: header._replace(reveal=Hash(bytes(31) + b"\x01")), "block"),
    ],
)
def test_a_block_that_its_producer_signed_against_the_rules_is_found(
    tmp_path: Path, change: Callable[[Header], Header], place: str
) -> None:
    assert _place(_verified(tmp_path, _forged(change), _by_all)) == (place, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: header._replace(parent=LINE[0].made.id), "its parent is"),
        (lambda header: header._replace(slot=LINE[1].made.header.slot), "its slot is"),
        (lambda header: header._replace(state_root=Hash(bytes(32))), "its changes give state"),
    ],
)
def test_the_quick_check_follows_parents_slots_and_roots(tmp_path: Path, change: Callable[[Header], Header], words: str) -> None:
    verdict = _verified(tmp_path, _forged(change), _by_all, Scope(quick=True))
    assert _place(verdict)[1] == 3
    assert words in str(verdict.problem)
