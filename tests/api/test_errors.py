from __future__ import annotations

import pytest

from tests.api.fakes import Node


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/status", "/v1/status/", "/v1/accounts/", "/v1/accounts/a/b", "/docs/", "/%2e%2e/etc/passwd"]
)
async def test_an_unknown_path_is_not_found_in_the_error_form(node: Node, path: str) -> None:
    error = await node.refused(path, 404)
    assert error["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("POST", "/v1/status", "GET"), ("DELETE", "/v1/blocks/1", "GET"), ("GET", "/v1/transactions", "POST")]
)
async def test_a_wrong_method_is_told_the_right_one(node: Node, method: str, path: str, allowed: str) -> None:
    response = await node.client.request(method, path)
    assert response.status_code == 405
    error = response.json()["error"]
    assert (error["code"], error["found"]) == ("method_not_allowed", method)
    assert allowed in error["wanted"]
    assert allowed in response.headers["allow"]


async def test_an_unexpected_error_leaves_no_traceback_but_is_logged(node: Node) -> None:
    node.reads.failure = RuntimeError("secret inner words")
    response = await node.client.get("/v1/status")
    assert response.status_code == 500
    assert response.json() == {"error": {"code": "internal", "message": "the node could not answer this request; its log says why"}}
    ((_, event, fields),) = [line for line in node.logger.lines if line[0] == "exception"]
    assert (event, fields["path"]) == ("request failed", "/v1/status")
    node.reads.failure = None
    await node.get("/v1/status")


async def test_a_head_request_has_headers_and_no_body(node: Node) -> None:
    response = await node.client.head("/v1/status")
    assert response.status_code == 200
    assert response.content == b""


async def test_answers_name_no_server_software(node: Node) -> None:
    assert "server" not in (await node.client.get("/livez")).headers
