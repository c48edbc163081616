"""Account addresses as people write them: Bech32m text (BIP 350) with the network's prefix.

Own code, because the packages on the index that know Bech32m had their last release years ago and the whole
algorithm is forty lines; checked against the vectors of BIP 350.
"""

from __future__ import annotations

from p2pchain.chain.errors import Code, Invalid, shown
from p2pchain.chain.types import KEY_BYTES, AccountId

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M = 0x2BC830A3
_CHECKSUM_LETTERS = 6
TEXT_MAX = 90


def encode_address(prefix: str, account: AccountId) -> str:
    """The text form of an account id, for example `p2p1qqq...`."""
    return encode_bech32m(prefix, _regroup(account, from_bits=8, to_bits=5, pad=True))


def decode_address(prefix: str, text: str) -> AccountId:
    """The account id that `text` stands for; `Invalid` with what was found and wanted otherwise."""
    found, values = decode_bech32m(text)
    if found != prefix:
        text = f"address begins with {shown(found)}, this network's begin with {shown(prefix)}"
        raise Invalid(Code.BAD_ADDRESS, text, found=found, wanted=prefix)
    data = _regroup(values, from_bits=5, to_bits=8, pad=False)
    if len(data) != KEY_BYTES:
        raise Invalid(Code.BAD_ADDRESS, f"address holds {len(data)} bytes, {KEY_BYTES} wanted", found=len(data), wanted=KEY_BYTES)
    return AccountId(bytes(data))


def encode_bech32m(prefix: str, values: list[int]) -> str:
    """`prefix`, the separator `1`, five-bit `values` and the six letters of the checksum."""
    checksum = _polymod(_expand(prefix) + values + [0] * _CHECKSUM_LETTERS) ^ _BECH32M
    tail = [(checksum >> 5 * (5 - i)) & 31 for i in range(_CHECKSUM_LETTERS)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values + tail)


def decode_bech32m(text: str) -> tuple[str, list[int]]:
    """Prefix and five-bit values of a Bech32m text; `Invalid` where any letter or the checksum is wrong."""
    if not text.isascii():
        raise Invalid(Code.BAD_ADDRESS, "address has a letter outside of ASCII, which no address has")
    if text.lower() != text and text.upper() != text:
        raise Invalid(Code.BAD_ADDRESS, "address mixes upper and lower case")
    text = text.lower()
    separator = text.rfind("1")
    if not 1 <= separator <= len(text) - 1 - _CHECKSUM_LETTERS or len(text) > TEXT_MAX:
        raise Invalid(Code.BAD_ADDRESS, f"{shown(text)} is not an address: a prefix, a '1' and at least six letters wanted")
    prefix, letters = text[:separator], text[separator + 1 :]
    wrong = next((letter for letter in letters if letter not in _VALUES), None)
    if wrong is not None or any(not 33 <= ord(letter) <= 126 for letter in prefix):
        raise Invalid(Code.BAD_ADDRESS, f"address has the letter {shown(wrong or prefix)}, which no address has")
    values = [_VALUES[letter] for letter in letters]
    if _polymod(_expand(prefix) + values) != _BECH32M:
        raise Invalid(Code.BAD_ADDRESS, "address has a wrong checksum: at least one letter was mistyped")
    return prefix, values[:-_CHECKSUM_LETTERS]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            checksum ^= generator if (top >> i) & 1 else 0
    return checksum


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _regroup(data: bytes | list[int], *, from_bits: int, to_bits: int, pad: bool) -> list[int]:
    accumulator = bits = 0
    groups = []
    for value in data:
        accumulator = (accumulator << from_bits) | value
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            groups.append((accumulator >> bits) & ((1 << to_bits) - 1))
    left = accumulator & ((1 << bits) - 1)
    if pad and bits:
        groups.append((left << (to_bits - bits)) & ((1 << to_bits) - 1))
    elif not pad and (bits >= from_bits or left):
        raise Invalid(Code.BAD_ADDRESS, "address ends in bits that belong to no byte")
    return groups
