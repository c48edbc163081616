"""A store that is read from outside says what the node that wrote it would say."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pchain.chain.votes import Kind
from p2pchain.node.effects import Commit
from p2pchain.storage import ForeignChain, StorageError, is_in_use, open_store, read_store
from tests.fakes.chain import ChainMaker, make_genesis


@pytest.mark.parametrize("flush_blocks", [1, 2, 20])
def test_a_reader_finds_final_and_unfinal_blocks_certificates_and_rows(tmp_path: Path, flush_blocks: int) -> None:
    maker = ChainMaker(make_genesis())
    line = maker.line(maker.root, [2, 0, 3, 1, 2])
    with open_store(tmp_path, maker.genesis, flush_blocks=flush_blocks) as store:
        store.commit(Commit(blocks=[block.stored for block in line], certificates=[maker.certificate(line[3], Kind.VOTE)]))
        for block in line[:3]:
            confirms = maker.certificate(block, Kind.CONFIRM)
            store.commit(Commit(final=[block.made.id], confirms=[confirms]))
        recovered, finals = store.recovered(), [store.final_block(height) for height in range(1, 5)]
        rows = {key: store.get(key) for key in line[2].rows}
        assert is_in_use(tmp_path)
    assert not is_in_use(tmp_path)
    with read_store(tmp_path, maker.genesis) as chain:
        found = chain.recovered()
        assert (found.root.subject, found.root.state_root) == (recovered.root.subject, recovered.root.state_root)
        assert found.root.schedule.active == recovered.root.schedule.active
        assert found.unfinal == recovered.unfinal
        assert [chain.final_block(height) for height in range(1, 5)] == finals
        assert [chain.final_height(block.made.id) for block in line[:4]] == [1, 2, 3, None]
        assert {key: chain.get(key) for key in rows} == rows


def test_the_base_of_a_recovery_is_final_on_disk_without_confirms(tmp_path: Path) -> None:
    maker = ChainMaker(make_genesis())
    line = maker.line(maker.root, [1, 1])
    with open_store(tmp_path, maker.genesis) as store:
        store.commit(Commit(blocks=[block.stored for block in line], final=[line[0].made.id], dropped=[line[1].made.id]))
    with open_store(tmp_path, maker.genesis) as store:
        final = store.final_block(1)
        assert final is not None
        assert (final.raw, final.certificate) == (line[0].made.raw, b"")
        assert not store.recovered().unfinal


def test_nothing_is_read_where_there_is_no_chain_or_a_foreign_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="has never run"), read_store(tmp_path, make_genesis()):
        pass
    with open_store(tmp_path, make_genesis()):
        pass
    with pytest.raises(ForeignChain), read_store(tmp_path, make_genesis("other")):
        pass
