from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.abilities import why_no_filters
from tests.netns.lab import Lab
from tests.netns.nodes import Scene, scene


@pytest.fixture(scope="session")
def machines_allowed() -> None:
    if (why := why_no_filters()) is not None:
        pytest.skip(why)


@pytest.fixture
def lab(machines_allowed: None, tmp_path: Path) -> Iterator[Lab]:
    found = Lab(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def delegates(machines_allowed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Four of them, all connected, with a first final block; each test leaves it healed."""
    with scene(tmp_path_factory.mktemp("netns")) as found:
        found.add_delegates(4)
        found.start_all()
        yield found
