"""What a damaged record says of itself."""

import pytest

from p2pchain.chain.codec import encode
from p2pchain.storage.errors import DamagedStore
from p2pchain.storage.layout import block_key, header_in_record

KEY = block_key(7, bytes(32))


@pytest.mark.parametrize("size", [10, 300, 70_000])
def test_the_header_is_found_in_a_record_of_any_size(size: int) -> None:
    header = bytes(range(256))
    block = encode((header, bytes(64), b"", [bytes(size)]))
    assert header_in_record(memoryview(encode((block, b"rows", bytes(32), ()))), KEY) == header


@pytest.mark.parametrize("record", [b"", b"\x94", b"\x94\x01", b"\x94\xc4\x05\x94\xc4\xff", b"\x94\xc6\xff\xff\xff\xff"])
def test_a_damaged_record_is_called_damaged(record: bytes) -> None:
    with pytest.raises(DamagedStore, match="block 7"):
        header_in_record(memoryview(record), KEY)
