"""The operator's socket: who may open it, what it takes, and what it answers."""

from __future__ import annotations

import socket
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from p2pchain.api.admin import BAN_S_MAX, AdminContext
from p2pchain.api.admin_server import AdminListenError, AdminServer
from p2pchain.api.ports import BadConfigError, ReloadAnswer, ReloadProblem
from p2pchain.node.ports import BadPeerError, BanView
from tests.api.fakes import FakeLogger, Node

NOW_MS = 1_700_000_000_000
WHO = "ab" * 32


class FakeGate:
    """A gate without a network."""

    def __init__(self) -> None:
        self.bans: dict[str, BanView] = {}

    def banned(self) -> Sequence[BanView]:
        return list(self.bans.values())

    async def ban(self, who: str, duration_ms: int, why: str) -> BanView:
        await trio.lowlevel.checkpoint()
        if who == "nobody":
            raise BadPeerError("found 'nobody', wanted somebody")
        self.bans[who] = BanView(who, "by_hand", NOW_MS, NOW_MS + duration_ms, 0, why, "")
        return self.bans[who]

    async def unban(self, who: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self.bans.pop(who, None) is not None


class FakeProducer:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def pause_production(self) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.append("pause")

    async def resume_production(self) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.append("resume")


class FakeKnobs:
    """A configuration that can be changed, or is wrong."""

    def __init__(self) -> None:
        self.level = "info"
        self.problems: list[ReloadProblem] = []

    def reload(self) -> ReloadAnswer:
        if self.problems:
            raise BadConfigError("nothing has changed: it is wrong", self.problems)
        return ReloadAnswer({"p2p.seeds": ((), ("a:1",))}, {"p2p.listen": ("b:1", "b:2")}, ["node.name"])

    def in_force(self) -> dict[str, object]:
        return {"log.level": self.level, "p2p.seeds": ("a:1",)}

    def set_log_level(self, level: str) -> None:
        self.level = level


class Admin:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.gate, self.producer, self.knobs = FakeGate(), FakeProducer(), FakeKnobs()
        self.logger: Any = FakeLogger()
        self.server = AdminServer(path, AdminContext(self.gate, self.producer, self.knobs, lambda: NOW_MS, self.logger))
        transport = httpx2.AsyncHTTPTransport(verify=False, uds=str(path))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://node", timeout=10)

    async def ask(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        response = await self.client.request(method, path, **arguments)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()


@pytest.fixture
async def admin(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Admin]:
    made = Admin(tmp_path / "run" / "admin.sock")
    await nursery.start(made.server.run)
    async with made.client:
        yield made


async def test_nobody_but_the_owner_may_open_the_socket_or_its_folder(admin: Admin) -> None:
    assert stat.S_IMODE(admin.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(admin.path.parent.stat().st_mode) == 0o700


async def test_a_folder_that_others_could_enter_is_closed_before_the_socket_is_there(tmp_path: Path, nursery: trio.Nursery) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    made = Admin(tmp_path / "run" / "admin.sock")
    await nursery.start(made.server.run)
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    await made.client.aclose()


async def test_bans_are_put_listed_and_lifted(admin: Admin) -> None:
    assert await admin.ask("GET", "/v1/bans") == {"banned": []}
    put = await admin.ask("POST", "/v1/bans", json={"who": WHO, "duration_s": 90, "why": "a spy"})
    assert put == {
        "who": WHO,
        "kind": "by_hand",
        "left_s": 90,
        "strikes": 0,
        "address": "",
        "why": "a spy",
        "since_ms": NOW_MS,
        "until_ms": NOW_MS + 90_000,
    }
    assert await admin.ask("GET", "/v1/bans") == {"banned": [put]}
    assert await admin.ask("DELETE", f"/v1/bans/{WHO}") == {"who": WHO, "lifted": True}
    assert (await admin.ask("DELETE", f"/v1/bans/{WHO}", 404))["error"]["code"] == "not_banned"
    assert admin.logger.events("info") == ["peer banned by hand", "ban lifted by hand"]


async def test_a_network_of_ipv6_is_named_in_the_path(admin: Admin) -> None:
    await admin.ask("POST", "/v1/bans", json={"who": "2001:db8::/64", "duration_s": 90, "why": ""})
    await admin.ask("DELETE", "/v1/bans/2001:db8::/64")
    assert admin.gate.bans == {}


async def test_production_is_paused_and_resumed(admin: Admin) -> None:
    assert await admin.ask("PUT", "/v1/production", json={"paused": True}) == {"paused": True}
    assert await admin.ask("PUT", "/v1/production", json={"paused": False}) == {"paused": False}
    assert admin.producer.asked == ["pause", "resume"]


async def test_a_reload_says_what_changed_what_waits_and_what_stayed(admin: Admin) -> None:
    assert await admin.ask("POST", "/v1/config/reload", json={}) == {
        "changed": {"p2p.seeds": {"before": [], "now": ["a:1"]}},
        "needs_restart": {"p2p.listen": {"running": "b:1", "found": "b:2"}},
        "unchanged": ["node.name"],
    }


async def test_a_reload_of_a_wrong_file_tells_all_its_mistakes(admin: Admin) -> None:
    admin.knobs.problems = [ReloadProblem("node.toml:3", "p2p.listn", "an unknown key", "p2p.listen"), ReloadProblem("flag", "a", "b", "c")]
    error = (await admin.ask("POST", "/v1/config/reload", 422, json={}))["error"]
    assert (error["code"], error["message"]) == ("bad_config", "nothing has changed: it is wrong")
    assert error["problems"][0] == {"source": "node.toml:3", "key": "p2p.listn", "found": "an unknown key", "wanted": "p2p.listen"}
    assert len(error["problems"]) == 2


async def test_the_log_level_is_set_and_one_that_is_none_is_refused(admin: Admin) -> None:
    assert await admin.ask("PUT", "/v1/log", json={"level": "debug"}) == {"level": "debug"}
    assert (
        "one of debug, info, warning, error wanted" in (await admin.ask("PUT", "/v1/log", 400, json={"level": "loud"}))["error"]["message"]
    )
    assert admin.knobs.level == "debug"
    assert await admin.ask("GET", "/v1/config") == {"config": {"log.level": "debug", "p2p.seeds": ["a:1"]}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/bans", b""),
        ("POST", "/v1/bans", b"[]"),
        ("POST", "/v1/bans", b"[" * 4_000),
        ("POST", "/v1/bans", b'{"who": 1, "duration_s": 90, "why": ""}'),
        ("POST", "/v1/bans", b'{"who": "a", "duration_s": true, "why": ""}'),
        ("POST", "/v1/bans", b'{"who": "a", "duration_s": 0, "why": ""}'),
        ("POST", "/v1/bans", b'{"who": "a", "duration_s": %d, "why": ""}' % (BAN_S_MAX + 1)),
        ("POST", "/v1/bans", b'{"who": "a", "duration_s": 90, "why": "\\n"}'),
        ("POST", "/v1/bans", b'{"who": "a", "duration_s": 90, "why": "%s"}' % (b"x" * 201)),
        ("POST", "/v1/bans", b'{"who": "nobody", "duration_s": 90, "why": ""}'),
        ("PUT", "/v1/production", b'{"paused": 1}'),
    ],
)
async def test_what_is_not_as_wanted_is_refused_with_a_reason_and_does_nothing(admin: Admin, method: str, path: str, body: bytes) -> None:
    error = (await admin.ask(method, path, 400, content=body))["error"]
    assert error["code"] in ("malformed", "bad_peer")
    assert "wanted" in error["message"] or "not JSON" in error["message"]
    assert admin.gate.bans == {}
    assert admin.producer.asked == []


async def test_a_body_that_is_too_large_and_a_path_that_is_not_there_are_told(admin: Admin) -> None:
    assert (await admin.ask("POST", "/v1/bans", 413, content=b"x" * 5_000))["error"]["code"] == "oversized"
    assert (await admin.ask("GET", "/v1/status", 404))["error"]["code"] == "not_found"
    assert (await admin.ask("DELETE", "/v1/production", 405))["error"]["code"] == "not_found"


async def test_the_public_port_has_no_word_for_any_of_it(node: Node) -> None:
    for method, path in (
        ("GET", "/v1/bans"),
        ("POST", "/v1/bans"),
        ("DELETE", f"/v1/bans/{WHO}"),
        ("PUT", "/v1/production"),
        ("POST", "/v1/config/reload"),
        ("PUT", "/v1/log"),
    ):
        assert (await node.client.request(method, path)).status_code == 404


async def test_the_socket_is_gone_at_the_end_and_one_that_was_left_is_replaced(tmp_path: Path, nursery: trio.Nursery) -> None:
    path = tmp_path / "run" / "admin.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with trio.open_nursery() as life:
        made = Admin(path)
        await life.start(made.server.run)
        async with made.client:
            await made.ask("GET", "/v1/bans")
        life.cancel_scope.cancel()
    assert list(path.parent.iterdir()) == []


async def test_where_there_can_be_no_socket_it_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder is wanted")
    made = Admin(tmp_path / "run" / "admin.sock")
    with pytest.raises(AdminListenError, match=r"run/admin\.sock: "):
        await made.server.run()
    await made.client.aclose()


async def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "admin.sock"
    path.parent.mkdir()
    path.write_text("precious")
    made = Admin(path)
    with pytest.raises(AdminListenError, match="in use"):
        await made.server.run()
    await made.client.aclose()
    assert path.read_text() == "precious"
