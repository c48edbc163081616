import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchain.runtime.service_manager import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@p2pchain-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        yield receiver, name


def test_each_call_is_one_datagram(listener: tuple[socket.socket, str]) -> None:
    receiver, address = listener
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address})
    manager.ready("listening on 127.0.0.1:28656")
    manager.status("final 7")
    manager.watchdog()
    manager.stopping()
    assert [receiver.recv(4_096) for _ in range(4)] == [
        b"READY=1\nSTATUS=listening on 127.0.0.1:28656",
        b"STATUS=final 7",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_a_status_cannot_smuggle_in_another_assignment(listener: tuple[socket.socket, str]) -> None:
    receiver, address = listener
    ServiceManager.from_environment({"NOTIFY_SOCKET": address}).status("a\nREADY=1\r\nb")
    assert receiver.recv(4_096) == b"STATUS=a READY=1 b"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "@"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_usable_socket_nothing_happens(environ: dict[str, str]) -> None:
    manager = ServiceManager.from_environment(environ | {"WATCHDOG_USEC": "30000000"})
    assert manager == ServiceManager(None, None)
    manager.ready("")
    manager.watchdog()


def test_a_socket_at_which_nobody_listens_does_not_stop_the_node(tmp_path: Path) -> None:
    ServiceManager.from_environment({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog()


def test_a_listener_that_never_reads_does_not_block_the_node(listener: tuple[socket.socket, str]) -> None:
    receiver, address = listener
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address})
    for _ in range(5_000):
        manager.watchdog()
    assert receiver.recv(4_096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_PID": str(os.getpid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_of_what_is_tolerated(environ: dict[str, str], interval_s: float | None) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": "/run/notify"} | environ)
    assert manager.watchdog_interval_s == interval_s
