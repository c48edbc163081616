import pytest

from tests.api.fakes import Node


async def test_steps_are_told_in_hex_with_where_to_go_on(node: Node) -> None:
    assert await node.get("/v1/proofs") == {"steps": [{"header": "01", "certificate": "02", "sets": ["03", "04"]}], "next": 7, "final": 9}
    await node.get("/v1/proofs?from=0&to=0&limit=64")
    assert node.reads.steps_asked == [(0, None, 16), (0, 0, 64)]


async def test_a_point_to_begin_at_is_a_header_and_a_set(node: Node) -> None:
    assert await node.get("/v1/proofs/1") == {"header": "05", "set": "06"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/proofs?from=10", 404, "unknown_block"),
        ("/v1/proofs?from=10&to=11", 404, "unknown_block"),
        ("/v1/proofs?from=-1", 400, "bad_parameter"),
        ("/v1/proofs?to=x", 400, "bad_parameter"),
        ("/v1/proofs?limit=65", 400, "bad_parameter"),
        ("/v1/proofs?form=1", 400, "bad_parameter"),
        ("/v1/proofs/2", 404, "unknown_block"),
        ("/v1/proofs/final", 400, "bad_parameter"),
    ],
)
async def test_what_cannot_be_led_to_is_refused(node: Node, path: str, status: int, code: str) -> None:
    assert (await node.refused(path, status))["code"] == code
