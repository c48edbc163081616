"""The node as a service manager sees it: readiness, status, watchdog, logs, a quick end, and what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.chain.actions.transfer import Transfer
from p2pchain.chain.crypto import KeySigner
from p2pchain.chain.transaction import build_transaction, decode_transaction
from p2pchain.client import NodeClient, NodeUnreachableError
from p2pchain.keystore import Keystore
from p2pchain.storage import JournalFile
from tests.e2e.network import COMMAND, command, environment
from tests.e2e.ports import free_port
from tests.e2e.waiting import wait_until

END_S = 5.0
WAITING = 2_000
"""Transactions whose signatures take longer to check than the API takes to start."""


class Service:
    """A single-delegate node under a service manager of our own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        api, p2p = free_port(), free_port()
        self.url = f"http://127.0.0.1:{api}"
        settings = ["--set", f"api.listen=127.0.0.1:{api}", "--set", f"p2p.listen=127.0.0.1:{p2p}"]
        command("init", "--delegate", "--open", "--home", str(self.home), *settings)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(15)
        self._address = str(folder / "notify")
        self.process: subprocess.Popen[str] | None = None

    def start(self, *settings: str) -> None:
        manager = {"NOTIFY_SOCKET": self._address, "WATCHDOG_USEC": "400000"}
        run = [*COMMAND, "run", "--home", str(self.home), *(part for setting in settings for part in ("--set", setting))]
        self.process = subprocess.Popen(run, env=environment() | manager, stderr=subprocess.PIPE, text=True)

    def heard(self, wanted: str) -> str:
        """The first datagram from now on that holds `wanted`."""
        while True:
            told = self._socket.recv(4096).decode()
            if wanted in told:
                return told

    def end(self, number: signal.Signals) -> tuple[int, str, float]:
        """Exit code, log and seconds of an ending by a signal."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log, time.monotonic() - began

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=30)
        self._socket.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path)
    try:
        yield found
    finally:
        found.close()


def test_the_service_manager_is_told_ready_status_alive_and_stopping(service: Service) -> None:
    service.start()
    ready = service.heard("READY=1")
    assert "STATUS=final " in ready
    assert service.heard("WATCHDOG=1")
    assert "in step" in service.heard("STATUS=final ")
    code, log, seconds = service.end(signal.SIGTERM)
    assert service.heard("STOPPING=1")
    assert (code, seconds < END_S) == (0, True)
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events[0] == "node wired"
    assert events[-1] == "stopped"


def test_what_waited_and_what_was_final_survive_a_kill(service: Service) -> None:
    service.start()
    service.heard("READY=1")
    keys = service.home / "keys"
    address = json.loads(command("keys", "show", "account", "--home", str(service.home), "--json").stdout)["address"]
    assert keys.exists()
    sent = ["tx", "transfer", "--from", "account", "--to", address, "--amount", "1", "--home", str(service.home), "--json"]
    assert json.loads(command(*sent, "--dry-run").stdout)["outcome"] == "succeeds"
    assert "would be refused: nonce_gap: " in command(*sent, "--dry-run", "--nonce", "1", expect=1).stderr
    first = json.loads(command(*sent, "--wait", "final").stdout)
    assert first["status"] == "final"
    with NodeClient(service.url) as client:
        before = client.status()["final"]
    second = json.loads(command(*sent).stdout)
    code, _, _ = service.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    service.start()
    service.heard("READY=1")
    with NodeClient(service.url) as client:
        assert client.status()["final"]["height"] >= before["height"]
        assert client.transaction(first["id"])["status"] == "final"
        wait_until(lambda: client.transaction(second["id"])["status"] == "final", 10, "the waiting transaction is final")


def test_what_waited_is_never_unknown_even_while_it_is_read_back(service: Service) -> None:
    """From the first answer that the node gives after its start."""
    service.start("mempool.per_account_max=4096")
    service.heard("READY=1")
    key = KeySigner(Keystore(service.home / "keys").load("account", None))
    with NodeClient(service.url) as client:
        spec = client.spec()
    service.end(signal.SIGTERM)
    action = Transfer(key.public_key, 1)
    waited = [build_transaction(key, spec, [action], nonce=nonce, valid_until=10_000) for nonce in range(WAITING)]
    with JournalFile(service.home / "data" / "mempool.journal") as journal:
        journal.append(waited)
    service.start("mempool.per_account_max=4096")
    with NodeClient(service.url) as client:
        wait_until(lambda: answers(client), 10, "the node answers")
        last = decode_transaction(waited[-1], spec).id.hex()
        assert client.transaction(last)["status"] in {"pending", "included", "final"}


def answers(client: NodeClient) -> bool:
    try:
        return client.status()["chain_id"] != ""
    except NodeUnreachableError:
        return False


def test_a_home_that_cannot_be_written_is_refused_in_one_line(service: Service) -> None:
    if os.geteuid() == 0:
        target = service.home / "data"
        target.rename(service.home / "moved")
        target.write_text("a file where a folder is wanted")
    else:
        (service.home / "data").chmod(0o500)
    told = command("run", "--home", str(service.home), expect=74).stderr
    lines = [line for line in told.splitlines() if line.startswith("p2pchain: ")]
    assert len(lines) == 1
    assert "data" in lines[0]
