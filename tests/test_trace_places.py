"""Where the span of a turn stands in a trace, and when there is none."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from openinference.instrumentation import suppress_tracing
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from remote_agents import AgentError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way
from tests.test_opentelemetry import QUESTION, a_way, frameworks, hows

awaiting = pytest.mark.parametrize("awaited", [False, True])
AGENT = "invoke_agent"


@contextmanager
def request() -> Iterator[Any]:
    """A span of the caller's application."""
    tracer = trace.get_tracer_provider().get_tracer("app")
    with tracer.start_as_current_span("request") as span:
        yield span


def parents(spans: InMemorySpanExporter) -> dict[str, str | None]:
    """The name of each span's parent."""
    found = spans.get_finished_spans()
    names = {span.context.span_id: span.name.split()[0] for span in found}
    return {
        span.name.split()[0]: names[span.parent.span_id] if span.parent else None for span in found
    }


async def read(stream: Any) -> None:
    _ = [piece async for piece in stream] if hasattr(stream, "__anext__") else list(stream)


async def call(way: Way) -> Any:
    """The stream of a turn, which nobody has begun to read."""
    method = "stream_chat" if way.framework == "llamaindex" else "stream"
    stream = getattr(way.model, f"a{method}" if way.awaited else method)([way.question(QUESTION)])
    return await stream if hasattr(stream, "__await__") else stream


# --- whose part it is ---------------------------------------------------------------------------


@awaiting
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
@pytest.mark.parametrize("framework", ["plain", "llamaindex"])  # LangChain's begins when it is read
async def test_a_stream_is_a_part_of_what_it_was_called_in(
    framework: str, endpoint: str, awaited: bool, sandbox: Sandbox, spans: InMemorySpanExporter
) -> None:
    way = a_way(sandbox, framework, (True, awaited), endpoint)
    with request():
        stream = await call(way)
    await read(stream)
    assert parents(spans) == {"request": None, AGENT: "request"}


@awaiting
@frameworks
async def test_a_stream_is_rather_a_part_of_what_it_is_read_in(
    framework: str, awaited: bool, sandbox: Sandbox, spans: InMemorySpanExporter
) -> None:
    way = a_way(sandbox, framework, (True, awaited))
    stream = await call(way)
    with request():
        await read(stream)
    assert parents(spans) == {AGENT: "request", "request": None}


# --- what is a part of it -----------------------------------------------------------------------


class Traced(httpx.HTTPTransport):
    """Makes a span of each request, as the instrumentation of HTTPX does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with sending(request):
            return super().handle_request(request)


class AsyncTraced(httpx.AsyncHTTPTransport):
    """The same, with asyncio."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with sending(request):
            await asyncio.sleep(0)
            return await super().handle_async_request(request)


@contextmanager
def sending(request: httpx.Request) -> Iterator[None]:
    tracer = trace.get_tracer_provider().get_tracer("http")
    with tracer.start_as_current_span(request.method):
        yield


@pytest.mark.parametrize(
    ("endpoint", "fails"), [*((name, False) for name in ENDPOINT_NAMES), ("bluenexus", True)]
)
@hows
async def test_its_requests_are_parts_of_it(
    endpoint: str,
    how: tuple[bool, bool],
    fails: bool,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
) -> None:
    client, aclient = httpx.Client(transport=Traced()), httpx.AsyncClient(transport=AsyncTraced())
    clients = {"http_client": client, "http_async_client": aclient}
    way = a_way(sandbox, "plain", how, endpoint, **clients)
    async with aclient:
        with client, request() as around:
            if fails:
                sandbox.fail_next(status=500, times=9)
                with pytest.raises(AgentError):
                    await way.ask(QUESTION)
            else:
                await way.ask(QUESTION)
            assert trace.get_current_span() is around
    found = parents(spans)
    assert found.pop(AGENT) == "request"
    assert found.pop("request") is None
    assert set(found.values()) == {AGENT}


@awaiting
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_its_reader_is_no_part_of_it(
    endpoint: str, awaited: bool, sandbox: Sandbox, spans: InMemorySpanExporter
) -> None:
    stream = await call(a_way(sandbox, "plain", (True, awaited), endpoint))
    if awaited:
        async for _ in stream:
            assert not trace.get_current_span().get_span_context().is_valid
            break
        await stream.aclose()
    else:
        for _ in stream:
            assert not trace.get_current_span().get_span_context().is_valid
            break
        stream.close()
    assert not trace.get_current_span().get_span_context().is_valid
    assert len(spans.get_finished_spans()) == 1


async def test_a_cancelled_call_leaves_no_span_behind(
    sandbox: Sandbox, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.slow_first_byte(seconds=5)
    before = context.get_current()
    task = asyncio.ensure_future(read(await call(a_way(sandbox, "plain", (True, True)))))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.get_current() == before
    assert len(spans.get_finished_spans()) == 1
    assert "detach" not in caplog.text


# --- where there is none ------------------------------------------------------------------------


@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_tracing])
@hows
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_nothing_is_traced_where_that_is_suppressed(
    framework: str,
    how: tuple[bool, bool],
    suppress: Any,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[Any],
) -> None:
    with request(), suppress():
        await a_way(sandbox, framework, how).ask(QUESTION)
    assert parents(spans) == {"request": None}
    assert [turn.outcome for turn in turns] == ["ok"]
