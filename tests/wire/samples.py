"""One well-formed message of each type, and strategies for all of them."""

from __future__ import annotations

from hypothesis import strategies as st

from p2pchain.chain.types import BlockId, Height, PublicKey, Signature, Slot
from p2pchain.chain.votes import Ballot, Kind, Subject
from p2pchain.wire.messages import (
    Announcement,
    BallotMessage,
    BlockMessage,
    Blocks,
    BlockTransactions,
    CertificateMessage,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetBodies,
    GetBranch,
    GetPeers,
    GetProofs,
    GetTransactions,
    Goodbye,
    Hello,
    Message,
    Part,
    Peers,
    Ping,
    Pong,
    Proofs,
    Status,
    Tips,
    Transactions,
)

SUBJECT = Subject(Slot(9), Height(8), BlockId(b"\x01" * 32))
TIPS = Tips(SUBJECT, Subject(Slot(12), Height(10), BlockId(b"\x02" * 32)), Height(SUBJECT.height))

OURS = Hello("p2pchain/0.1 ours", 28656, TIPS)
THEIRS = Hello("p2pchain/0.1 theirs", 0, TIPS)

SAMPLES: tuple[Message, ...] = (
    THEIRS,
    Status(TIPS),
    Transactions([b"first", b"", b"third"]),
    BlockMessage(b"the block's own bytes"),
    BallotMessage(Ballot(Kind.CONFIRM, SUBJECT, PublicKey(b"\x03" * 32), Signature(b"\x04" * 64))),
    CertificateMessage(b"the certificate's own bytes"),
    GetBlocks(7, Height(1), 512),
    GetBranch(8, BlockId(b"\x05" * 32), BlockId(b"\x06" * 32)),
    Blocks(7, [b"block", b"certificate", b"block", b""]),
    Ping(0),
    Pong(2**63 - 1),
    Goodbye(3, "the genesis differs"),
    GetPeers(32, "192.0.2.1"),
    Peers([b"the record's own bytes", b""]),
    CompactBlock(b"header", b"signature", b"", b"\x07" * 18, (0, 2), [b"first", b"third"]),
    GetBlockTransactions(BlockId(b"\x08" * 32), (1, 300)),
    BlockTransactions(BlockId(b"\x08" * 32), [b"second", b""]),
    Announcement((b"\x09" * 8, b"\x0a" * 8)),
    GetTransactions((b"\x09" * 8,)),
    Part(1, b"the middle of a frame"),
    GetProofs(9, Height(1), 512),
    Proofs(9, [b"header", b"", b"header", b"certificate"]),
    GetBodies(10, Height(2), 64),
)

_numbers = st.integers(0, 2**63 - 1)
_hashes = st.binary(min_size=32, max_size=32)
_texts = st.text(max_size=64).filter(str.isprintable)
_subjects = st.builds(Subject, _numbers, _numbers, _hashes)
_tips = st.builds(
    lambda final, head, from_below: Tips(final, head, Height(1 + from_below % (final.height + 1))),
    _subjects,
    _subjects,
    st.integers(0, 2**62),
)
_voted = st.builds(Subject, st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1), _hashes)
_pairs = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=50)), max_size=20).map(
    lambda pairs: [x for pair in pairs for x in pair]
)

_names = st.lists(st.binary(min_size=8, max_size=8), max_size=40).map(tuple)
_places = st.lists(st.integers(0, 65_535), unique=True, max_size=40).map(lambda places: tuple(sorted(places)))


@st.composite
def _compact_blocks(draw: st.DrawFn) -> CompactBlock:
    ids = draw(st.lists(st.binary(min_size=6, max_size=6), max_size=40))
    places = sorted(draw(st.sets(st.integers(0, len(ids) - 1), max_size=5))) if ids else []
    header, signature, certificate = (draw(st.binary(max_size=200)) for _ in range(3))
    return CompactBlock(header, signature, certificate, b"".join(ids), tuple(places), [draw(st.binary(max_size=300)) for _ in places])


OPEN_MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Status, _tips),
    st.builds(Transactions, st.lists(st.binary(max_size=300), max_size=40)),
    st.builds(BlockMessage, st.binary(max_size=2_000)),
    st.builds(
        BallotMessage,
        st.builds(Ballot, st.sampled_from(Kind), _voted, _hashes, st.binary(min_size=64, max_size=64)),
    ),
    st.builds(CertificateMessage, st.binary(max_size=2_000)),
    st.builds(GetBlocks, _numbers, st.integers(1, 2**63 - 1), st.integers(1, 512)),
    st.builds(GetBranch, _numbers, _hashes, _hashes),
    st.builds(Blocks, st.integers(0, 2**64 - 1), _pairs),
    st.builds(GetProofs, _numbers, st.integers(1, 2**63 - 1), st.integers(1, 512)),
    st.builds(Proofs, st.integers(0, 2**64 - 1), _pairs),
    st.builds(GetBodies, _numbers, st.integers(1, 2**63 - 1), st.integers(1, 512)),
    _compact_blocks(),
    st.builds(GetBlockTransactions, _hashes, _places),
    st.builds(BlockTransactions, _hashes, st.lists(st.binary(max_size=300), max_size=40)),
    st.builds(Announcement, _names),
    st.builds(GetTransactions, _names),
    st.builds(Ping, _numbers),
    st.builds(Pong, _numbers),
    st.builds(GetPeers, st.integers(1, 32), st.just("") | st.ip_addresses().map(str)),
    st.builds(Peers, st.lists(st.binary(max_size=256), max_size=32)),
)
"""Everything that may be said in the middle of a conversation."""

HELLOS: st.SearchStrategy[Hello] = st.builds(Hello, _texts, st.integers(0, 65_535), _tips)
GOODBYES: st.SearchStrategy[Goodbye] = st.builds(Goodbye, st.integers(0, 255), st.text(max_size=100).filter(str.isprintable))
