from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.api.fakes import Node


@pytest.fixture
async def node(nursery: trio.Nursery) -> AsyncIterator[Node]:
    made = Node()
    await made.start(nursery)
    async with made.client:
        yield made
