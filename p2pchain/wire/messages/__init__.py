"""The messages, one named tuple each, with their number, their size limit and their encoding.

Blocks, transactions and certificates travel as the bytes that their signers signed and stay bytes here; `node.intake`
decodes them.  Large messages have the one shape that `codec.decode_byte_strings` splits without nesting.

One module for each purpose; a new message is a class there and a line in the two tables here.
"""

from __future__ import annotations

from typing import TypeAlias

from p2pchain.wire.messages.announcing import NAME_BYTES, NAMES_MAX, Announcement, GetTransactions
from p2pchain.wire.messages.compact import (
    PREFILLED_BYTES_MAX,
    PREFILLED_MAX,
    BlockTransactions,
    CompactBlock,
    GetBlockTransactions,
)
from p2pchain.wire.messages.gossip import (
    BLOCK_BYTES_MAX,
    TRANSACTIONS_BYTES_MAX,
    TRANSACTIONS_MAX,
    BallotMessage,
    BlockMessage,
    CertificateMessage,
    Status,
    Transactions,
)
from p2pchain.wire.messages.links import Goodbye, Hello, Ping, Pong
from p2pchain.wire.messages.parts import PART_BYTES, STREAMS, Part
from p2pchain.wire.messages.peers import PEERS_MAX, GetPeers, Peers
from p2pchain.wire.messages.sync import ANSWER_BYTES_MAX, BLOCKS_MAX, Blocks, GetBlocks, GetBranch
from p2pchain.wire.messages.tips import Tips

__all__ = [
    "ANSWER_BYTES_MAX",
    "BLOCKS_MAX",
    "BLOCK_BYTES_MAX",
    "BY_TYPE",
    "MESSAGES",
    "NAMES_MAX",
    "NAME_BYTES",
    "PART_BYTES",
    "PEERS_MAX",
    "PREFILLED_BYTES_MAX",
    "PREFILLED_MAX",
    "PROTOCOL_VERSION",
    "STREAMS",
    "TRANSACTIONS_BYTES_MAX",
    "TRANSACTIONS_MAX",
    "Announcement",
    "BallotMessage",
    "BlockMessage",
    "BlockTransactions",
    "Blocks",
    "CertificateMessage",
    "CompactBlock",
    "GetBlockTransactions",
    "GetBlocks",
    "GetBranch",
    "GetPeers",
    "GetTransactions",
    "Goodbye",
    "Hello",
    "Message",
    "Part",
    "Peers",
    "Ping",
    "Pong",
    "Status",
    "Tips",
    "Transactions",
]

PROTOCOL_VERSION = 2

Message: TypeAlias = (
    Hello
    | Status
    | Transactions
    | BlockMessage
    | BallotMessage
    | CertificateMessage
    | GetBlocks
    | GetBranch
    | Blocks
    | Ping
    | Pong
    | Goodbye
    | GetPeers
    | Peers
    | CompactBlock
    | GetBlockTransactions
    | BlockTransactions
    | Announcement
    | GetTransactions
    | Part
)

MESSAGES: tuple[type[Message], ...] = (
    Hello,
    Status,
    Transactions,
    BlockMessage,
    BallotMessage,
    CertificateMessage,
    GetBlocks,
    GetBranch,
    Blocks,
    Ping,
    Pong,
    Goodbye,
    GetPeers,
    Peers,
    CompactBlock,
    GetBlockTransactions,
    BlockTransactions,
    Announcement,
    GetTransactions,
    Part,
)
BY_TYPE = {message.TYPE: message for message in MESSAGES}
