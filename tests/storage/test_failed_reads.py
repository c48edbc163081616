"""S11: damage that a read comes upon, for whoever, ends the store; nothing is signed on top of it."""

from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from p2pchain.storage import DamagedStore, StorageError, open_store
from p2pchain.storage.layout import block_key, height_key
from tests.fakes.chain import ChainMaker, make_genesis
from tests.storage.observing import finalise

MAKER = ChainMaker(make_genesis())
LINE = MAKER.line(MAKER.root, [1, 1])


@pytest.mark.parametrize("database", [b"blocks", b"final"])
def test_a_final_block_that_is_gone_ends_the_store(tmp_path: Path, database: bytes) -> None:
    with open_store(tmp_path, MAKER.genesis, flush_blocks=1) as store:
        store.commit(finalise(LINE[0]))
        store.commit(finalise(LINE[1]))
    key = block_key(1, LINE[0].made.id) if database == b"blocks" else height_key(1)
    with lmdb.open(str(tmp_path / "chain"), max_dbs=16) as env, env.begin(write=True, db=env.open_db(database)) as txn:
        assert txn.delete(key)
    with open_store(tmp_path, MAKER.genesis, flush_blocks=1) as store:
        store.require_sound()
        with pytest.raises(DamagedStore, match="1 is final and is not there; sync again"):
            store.final_block(1)
        with pytest.raises(StorageError, match="no longer used: reading failed"):
            store.require_sound()
        with pytest.raises(StorageError, match="no longer used"):
            store.stage(finalise(LINE[1]))
