from collections.abc import Iterator

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.mind.answers import Brain
from remote_agents.sandbox.mind.knowledge import Knowledge
from tests.boxes import Shared
from tests.sandbox.calls import Caller


@pytest.fixture(scope="session")
def running() -> Iterator[Shared]:
    with Shared() as box:
        yield box


@pytest.fixture
def box(running: Shared) -> Sandbox:
    return running.as_new()


@pytest.fixture
def call(box: Sandbox) -> Iterator[Caller]:
    with httpx.Client(base_url=box.url, trust_env=False, verify=False, timeout=10) as http:
        yield Caller(box, http)


@pytest.fixture(scope="module")
def handbook() -> Brain:
    """The mind alone, over the handbook."""
    return Brain(Knowledge())
