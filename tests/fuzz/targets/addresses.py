"""Addresses: of accounts, and of peers to dial."""

from __future__ import annotations

from p2pchain.chain.address import decode_address, encode_address, encode_bech32m
from p2pchain.chain.errors import Invalid
from p2pchain.chain.types import AccountId
from p2pchain.config.kinds import PeerAddress, UnfitError
from p2pchain.net.endpoint import group_of, parse_peer
from tests.fuzz.claims import read
from tests.fuzz.mutation.formats import repaired
from tests.fuzz.mutation.octets import mutate_bytes
from tests.fuzz.target import Target

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
ACCOUNTS = tuple(AccountId(bytes([i]) * 32) for i in range(3))


def _check_account(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    account = read(lambda _: decode_address("p2p", text), data, Invalid)
    if isinstance(account, str):
        return account
    assert encode_address("p2p", account) == text.lower(), "one account, one address, whatever the case"
    return "accepted"


def _with_checksum(data: bytes) -> bytes:
    """The address with the checksum that its letters want."""
    prefix, _, letters = data.decode("latin-1").lower().rpartition("1")
    values = [ALPHABET.find(letter) for letter in letters[:-6]]
    return encode_bech32m(prefix, values).encode("latin-1") if prefix and -1 not in values else data


def _check_peer(data: bytes) -> str:
    """What the configuration accepts can be dialled, and is shown as it was written."""
    try:
        text = PeerAddress().check(data.decode("utf-8", "replace"))
    except UnfitError:
        return "refused"
    node_key, endpoint = parse_peer(text)
    assert node_key is None or len(node_key) == 32
    assert 1 <= endpoint.port <= 65_535
    assert PeerAddress().check(str(endpoint)) == str(endpoint), "an endpoint is an address again"
    if ":" in endpoint.host or endpoint.host.replace(".", "").isdigit():
        group_of(endpoint.host)
    return f"accepted {'key ' if node_key else ''}{'IPv6' if ':' in endpoint.host else 'name'}"


PEERS = (b"seed.example.org:28656", b"[::1]:28656", b"ab" * 32 + b"@10.0.0.1:65535", b"[::ffff:10.0.0.1]:1", b"a.:1", b"[fe80::1%eth0]:1")

TARGETS = (
    Target(
        "address",
        "an account whose one address it is, or Invalid",
        _check_account,
        lambda: tuple(encode_address("p2p", account).encode() for account in ACCOUNTS),
        repaired(mutate_bytes, _with_checksum),
        128,
    ),
    Target("peer-address", "a place to dial, or UnfitError", _check_peer, lambda: PEERS, size_max=256),
)
