from collections.abc import Iterator

import pytest

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture(scope="module")
def archive() -> Iterator[Sandbox]:
    """A sandbox of this module's own, with 300 records from 1 January 2024 on."""
    with Sandbox(rate_limit="none") as box:
        box.seed_records(300)
        yield box
