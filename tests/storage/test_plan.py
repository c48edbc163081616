"""A commit that contradicts what is stored is a bug of the caller, and is not written."""

from pathlib import Path

import pytest

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
