import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from remote_agents.services import ENDPOINTS
from tests import databases
from tests.garbage import nothing_collected

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from remote_agents import TurnRecord
    from tests.boxes import Shared

# The settings of whoever runs the tests must not reach them, nor their child processes.
SETTINGS = (
    *(f"{endpoint.env}_" for endpoint in ENDPOINTS.values()),
    "REMOTE_AGENTS_",
    "LANGSMITH_",
    "LANGCHAIN_",
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
for name in list(os.environ):
    if name.startswith(SETTINGS) or name.upper() in PROXIES:
        del os.environ[name]

# Without this, LlamaIndex's sync calls make an event loop for the thread, which the first
# `asyncio.run` replaces and nobody closes.
asyncio.set_event_loop(None)

# A shell's background job ignores Ctrl-C, and so would every program that the tests start from it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no failure.
settings.register_profile("default", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=2_000)
settings.load_profile("default")


def pytest_collection_finish() -> None:
    """The tests themselves live to the end: no garbage collection need look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def box() -> "Iterator[Shared]":
    """One sandbox for the whole session; prefer `sandbox`, whose log is of one test alone."""
    from tests.boxes import Shared

    with Shared() as box:
        yield box


@pytest.fixture
def sandbox(box: "Shared") -> "Shared":
    """The sandbox with no faults, no log, no counts and no settings left from another test."""
    return box.as_new()


@pytest.fixture
def without_gc() -> Iterator[None]:
    """Garbage in circles is not collected."""
    with nothing_collected():
        yield


@pytest.fixture
def fresh_pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No connections left from another test, and none left behind."""
    from remote_agents.http import pools

    fresh = pools.Pools()
    monkeypatch.setattr(pools, "pools", fresh)
    yield
    for client in fresh._clients.values():
        client.close()


@pytest.fixture(params=("sync", "aiohttp", "without aiohttp"))
def kind(request: pytest.FixtureRequest, fresh_pools: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the three clients of our own, as `tests.transports` calls its kinds."""
    if request.param == "without aiohttp":
        monkeypatch.setitem(sys.modules, "remote_agents.http._aiohttp", None)
        return "aiohttp"
    return str(request.param)


@pytest.fixture(scope="session")
def agent_values() -> Mapping[str, Any]:
    """What parameters may be where one of their type is of no use."""
    from remote_agents.sandbox.directory import AGENTS

    return {
        "stop": ["zzz"],
        "model": "llama-3.3-70b-instruct",
        "response_format": {"type": "json_object"},
        "files": ["https://files.example/a.pdf"],
        "sender": AGENTS["maiagent"].extra["contact_id"],
    }


_counts: list[object] = []


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate limits that no other test has counted; they live to the end, as a process's do."""
    from remote_agents.turns import rate_limit

    counts: dict[str | None, object] = {}
    _counts.append(counts)
    monkeypatch.setattr(rate_limit, "_windows", counts)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL that only this worker uses, as a SQLAlchemy URL."""
    with databases.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An empty Redis that only this worker uses."""
    with databases.redis() as url:
        yield url


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator["InMemorySpanExporter"]:
    """The spans of OpenTelemetry, as they end."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
def turns() -> Iterator["list[TurnRecord]"]:
    """What `on_turn` tells of each turn."""
    from remote_agents import on_turn

    seen: list[TurnRecord] = []
    stop = on_turn(seen.append)
    yield seen
    stop()
