"""A commit that contradicts what is stored is a bug of the caller, and is not written."""

from pathlib import Path

import pytest

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import OnDisk


def test_no_height_is_left_out_when_blocks_become_final(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis())
    one, two = maker.line(maker.root, [0, 0])
    kept = OnDisk(tmp_path, maker)
    try:
        with pytest.raises(AssertionError, match="height 2 becomes final above 0"):
            kept.store.commit(Commit(blocks=[one.stored, two.stored], final=[two.subject.block]))
        assert kept.reopen().recovered().root.subject.height == 0
    finally:
        kept.close()


def test_confirms_are_written_with_the_block_that_they_make_final_or_not_at_all(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis())
    one, two = maker.line(maker.root, [0, 0])
    kept = OnDisk(tmp_path, maker)
    try:
        with pytest.raises(AssertionError, match="at height 2, which does not become final with them"):
            kept.store.commit(
                Commit(
                    blocks=[one.stored, two.stored],
                    final=[one.subject.block],
                    confirms=[maker.certificate(block, Kind.CONFIRM) for block in (one, two)],
                )
            )
        assert kept.reopen().recovered().root.subject.height == 0
    finally:
        kept.close()
