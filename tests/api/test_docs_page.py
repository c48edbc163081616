from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from p2pchain.api.app import ENDPOINTS
from p2pchain.api.docs_page import describe
from p2pchain.api.openapi import HASH, INTEGER, TRUTH, array, one_of, or_null, record
from tests.api.fakes import Node


async def page(node: Node) -> str:
    response = await node.client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


async def test_every_route_has_its_section_with_its_errors(node: Node) -> None:
    text = await page(node)
    tree = ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    headings = ["".join(heading.itertext()) for heading in tree.iter("h2")]
    assert headings == [f"{each.method} {each.path}" for each in ENDPOINTS]
    targets = {heading.get("id") for heading in tree.iter("h2")}
    assert len(targets) == len(ENDPOINTS)
    links = {link.get("href") for link in tree.iter("a")}
    assert links == {f"#{target}" for target in targets} | {"/openapi.json"}


async def test_it_loads_nothing_and_its_examples_are_for_this_node(node: Node) -> None:
    text = await page(node)
    assert set(re.findall(r"https?://[^\s/<]+", text)) == {node.url}
    assert not re.search(r"<(script|img|link|iframe)|url\(|@import", text)
    assert f"curl {node.url}/v1/blocks/REFERENCE" in text


def test_a_schema_is_sketched_as_the_json_that_it_describes() -> None:
    schema = record(id=or_null(HASH), many=array(record(at=INTEGER, good=TRUTH)), how=one_of("a", "b"))
    assert describe(schema) == (
        '{\n  "id": text: 32 bytes in hex or null,\n  "many": [{\n    "at": integer,\n    "good": true or false\n  }, ...],\n'
        '  "how": "a" | "b"\n}'
    )
