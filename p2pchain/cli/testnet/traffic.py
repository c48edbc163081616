"""Sample transfers between the funded accounts, so that there is something to see."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.address import decode_address
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.params import ChainSpec, Params
from p2pchain.chain.transaction import build_transaction
from p2pchain.cli.testnet.record import AccountRecord
from p2pchain.client import ClientError, NodeClient
from p2pchain.client.node_client import ENDED
from p2pchain.keystore import Keystore

A_SECOND = 5
SHOWN = 8
_VALID_SLOTS = 120
_OPEN_MAX = 100
"""Asked about at each look; without a quorum more may wait, and the oldest are forgotten."""


@dataclass(slots=True)
class SampleTransfer:
    id: str
    sender: str
    recipient: str
    amount: int
    status: str


class Traffic:
    """Sends in turn from each account to the next one."""

    def __init__(self, accounts: Sequence[AccountRecord], spec: ChainSpec) -> None:
        self._accounts, self._spec = accounts, spec
        self._signers: dict[str, KeySigner] = {}
        self._nonces: dict[str, int] = {}
        self._turn = 0
        self.last: deque[SampleTransfer] = deque(maxlen=SHOWN)
        self.sent = self.final = 0
        self._open: deque[SampleTransfer] = deque(maxlen=_OPEN_MAX)

    def send(self, client: NodeClient) -> None:
        """One bulk of `A_SECOND` transfers through this node.  What it refuses shows as rejected; a silent node as nothing."""
        try:
            self._send(client)
        except ClientError:
            self._nonces.clear()

    def refresh(self, client: NodeClient) -> None:
        """Ask what became of those whose end is not known."""
        for _ in range(len(self._open)):
            transfer = self._open.popleft()
            try:
                transfer.status = client.transaction(transfer.id)["status"]
            except ClientError:
                return
            self.final += transfer.status == "final"
            if transfer.status not in ENDED:
                self._open.append(transfer)

    def _send(self, client: NodeClient) -> None:
        params = client.params()
        valid_until = client.status()["slot"] + min(_VALID_SLOTS, params.validity_slots_max)
        built = [self._build(client, valid_until, params) for _ in range(A_SECOND)]
        for (_, transfer), result in zip(built, client.submit([raw for raw, _ in built]), strict=True):
            transfer.id, transfer.status = result["id"] or "", result["status"]
            self.sent += 1
            self.last.append(transfer)
            if result["error"] is None:
                self._open.append(transfer)
            else:
                transfer.status = f"{result['status']}: {result['error']['code']}"
                self._nonces.pop(transfer.sender, None)

    def _build(self, client: NodeClient, valid_until: int, params: Params) -> tuple[bytes, SampleTransfer]:
        sender, recipient = (self._accounts[(self._turn + i) % len(self._accounts)] for i in (0, 1))
        self._turn += 1
        amount = 1 + secrets.randbelow(1_000)
        nonce = self._nonces[sender.name] if sender.name in self._nonces else client.account(sender.address)["next_nonce"]
        self._nonces[sender.name] = nonce + 1
        action = Transfer(decode_address(self._spec.address_prefix, recipient.address), amount)
        raw = build_transaction(self._signer(sender), self._spec, [action], nonce=nonce, valid_until=valid_until, params=params)
        return raw, SampleTransfer("", sender.name, recipient.name, amount, "pending")

    def _signer(self, account: AccountRecord) -> KeySigner:
        if account.name not in self._signers:
            path = Path(account.key_file)
            self._signers[account.name] = KeySigner(Keystore(path.parent).load(path, None))
        return self._signers[account.name]
