# ruff: noqa: INP001  (a script by itself, part of no package)
"""Signs a transfer with msgpack and PyNaCl alone, nothing of p2pchain: docs/protocol.md says why each step is as it is.

    echo '{"seed": "<32 bytes in hex>", "chain_id": "<32 bytes in hex>", "to": "p2p1...", "amount": "1000",
           "nonce": 0, "valid_until": 120, "fee": "171", "memo": ""}' | python sign_transfer.py

Prints the bytes of each step in hex.  `raw` is what POST /v1/transactions takes; `id` is what to ask for afterwards.
"""

import hashlib
import json
import sys
from typing import Any

import msgpack
from nacl.signing import SigningKey

DOMAIN = b"p2pchain/transaction/1\x00"
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def account_of(address: str) -> bytes:
    """The 32 bytes of a Bech32m address (BIP 350); ValueError where it was mistyped.  Look at the prefix yourself."""
    prefix, _, letters = address.lower().rpartition("1")
    values = [LETTERS.index(letter) for letter in letters]
    checksum = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATOR):
            checksum ^= generator if top >> bit & 1 else 0
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    # 32 bytes are 51 letters and one bit: 52 letters end in four bits of nothing
    if checksum != 0x2BC830A3 or len(values) != 52 + 6 or number & 15:
        raise ValueError(f"{address} is not an address")
    return (number >> 4).to_bytes(32, "big")


def sign_transfer(order: dict[str, Any]) -> dict[str, str]:
    key = SigningKey(bytes.fromhex(order["seed"]))
    chain_id = bytes.fromhex(order["chain_id"])
    action = [1, account_of(order["to"]), int(order["amount"]), bytes.fromhex(order["memo"])]
    fields = [1, chain_id[:8], bytes(key.verify_key), order["nonce"], order["valid_until"], int(order["fee"]), [action]]
    body = msgpack.packb(fields)
    message = DOMAIN + chain_id + body
    signature = key.sign(message).signature
    made = {
        "body": body,
        "message": message,
        "signature": signature,
        "raw": msgpack.packb([body, signature]),
        "id": hashlib.sha256(DOMAIN + body).digest(),
    }
    return {name: value.hex() for name, value in made.items()}


if __name__ == "__main__":
    json.dump(sign_transfer(json.load(sys.stdin)), sys.stdout, indent=1)
