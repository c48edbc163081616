from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.network import Network, processes_of
from tests.e2e.waiting import wait_until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A testnet that is not up yet; whatever the test does, no process of it is left."""
    found = Network(tmp_path / "testnet")
    try:
        yield found
    finally:
        found.close()
        if (found.folder / "testnet.json").exists():
            found.run("down")
        wait_until(lambda: not processes_of(tmp_path), 5, f"processes left: {processes_of(tmp_path)}")
