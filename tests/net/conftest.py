from __future__ import annotations

import pytest
import trio

from tests.net.fakes import World


@pytest.fixture
def world(nursery: trio.Nursery) -> World:
    """pytest-trio cancels its nursery at the end, and the nodes with it."""
    return World(nursery)
