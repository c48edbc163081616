from collections.abc import Iterator

import pytest

from tests.fakes.http_node import FakeNode, fake_node


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with fake_node() as found:
        yield found
