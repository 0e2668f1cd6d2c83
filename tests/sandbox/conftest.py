from collections.abc import Iterator

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from tests.sandbox.calls import Caller


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox(rate_limit=None) as box:
        yield box


@pytest.fixture
def box(running: Sandbox) -> Iterator[Sandbox]:
    running.reset()
    yield running
    running.configure(word_delay=0.0, rate_limit=None, refuse_system=False, credits=20_000)


@pytest.fixture
def call(box: Sandbox) -> Iterator[Caller]:
    with httpx.Client(base_url=box.url, trust_env=False, verify=False, timeout=10) as http:
        yield Caller(box, http)
