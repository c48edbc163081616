"""Signed transfers between the funded accounts of a testnet, and the balances that they must lead to."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import decode_address
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.params import ChainSpec
from p2pchain.chain.transaction import build_transaction, decode_transaction
from p2pchain.client import NodeClient
from p2pchain.keystore import Keystore

FUNDS = 10**15


class Signed(NamedTuple):
    id: str
    raw: bytes
    account: int
    """Number of the sender: a node takes nonces in order, so all of an account go through one node."""


class Purse:
    """All funded accounts of a testnet, none of which anybody else spends from."""

    def __init__(self, accounts: Sequence[dict[str, Any]], client: NodeClient) -> None:
        self.spec: ChainSpec = client.spec()
        self.addresses = [account["address"] for account in accounts]
        self.signers = [_signer(Path(account["key_file"])) for account in accounts]
        self._nonces = [client.account(address)["nonce"] for address in self.addresses]
        self.expected = Counter({address: int(client.account(address)["balance"]) for address in self.addresses})
        """Balances once all that was signed is final."""
        self._turn = 0

    def sign(self, count: int, valid_until: int) -> list[Signed]:
        """So many transfers, each account in its turn to the next one."""
        return [self._sign(1 + number % 1_000, valid_until) for number in range(count)]

    def _sign(self, amount: int, valid_until: int) -> Signed:
        at = self._turn % len(self.addresses)
        recipient = self.addresses[(at + 1) % len(self.addresses)]
        self._turn += 1
        action = Transfer(decode_address(self.spec.address_prefix, recipient), amount)
        raw = build_transaction(self.signers[at], self.spec, [action], nonce=self._nonces[at], valid_until=valid_until)
        transaction = decode_transaction(raw, self.spec)
        self._nonces[at] += 1
        self.expected[self.addresses[at]] -= amount + transaction.fee
        self.expected[recipient] += amount
        return Signed(transaction.id.hex(), raw, at)

    def balances(self, client: NodeClient) -> dict[str, int]:
        """As of the node's last final block."""
        return {address: int(client.account(address, at="final")["balance"]) for address in self.addresses}


def _signer(key_file: Path) -> KeySigner:
    return KeySigner(Keystore(key_file.parent).load(key_file, None))
