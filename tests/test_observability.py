"""What a log and a trace show of a turn, and what they do not."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import BlueNexus, CloudBase
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import Way
from tests.raw_server import head, serving
from tests.transports import DONE, KEY, delta

QUESTION = "How many vacation days does Zaphod get?"


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "remote_agents")
    return caplog


def ours(logs: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    records = [record for record in logs.records if record.name.startswith("remote_agents")]
    return [(record.levelname, record.getMessage()) for record in records]


@pytest.mark.parametrize("awaited", [False, True])
def test_a_turn_is_logged_with_its_id_and_time_but_not_its_content(
    sandbox: Sandbox, logs: pytest.LogCaptureFixture, awaited: bool
) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    reply = asyncio.run(agent.aask(QUESTION)) if awaited else agent.ask(QUESTION)
    (level, sent), (_, read) = ours(logs)
    assert level == "DEBUG"
    assert sent.startswith("POST /api/v1/agents/")
    assert " 200 in 0." in sent
    assert str(reply.request_id) in sent
    assert str(reply.conversation_id) in read
    assert "Zaphod" not in logs.text
    assert reply.text not in logs.text
    assert sandbox.kwargs("bluenexus")["api_key"] not in logs.text


def test_a_repetition_is_logged_as_information(
    sandbox: Sandbox, logs: pytest.LogCaptureFixture
) -> None:
    sandbox.fail_next(status=503, retry_after=0)
    BlueNexus(**sandbox.kwargs("bluenexus")).ask("Hello")
    info = [text for level, text in ours(logs) if level == "INFO"]
    assert info == ["BlueNexus: attempt 1 failed (ServerError), again in 0.0 s"]
    assert any(": 503 in" in text for _, text in ours(logs))


def test_unknown_frames_are_counted(logs: pytest.LogCaptureFixture) -> None:
    strange = [b'data: {"text_of_a": "note"}\n\n', delta("Hello")]
    with serving([head(), *strange, DONE]) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY, unknown_frames="count")
        assert "".join(getattr(event, "text", "") for event in agent.stream("Hi")) == "Hello"
    assert [said for level, said in ours(logs) if level == "DEBUG" and "unknown" in said]


def test_nothing_is_logged_above_debug_when_all_is_well(
    sandbox: Sandbox, logs: pytest.LogCaptureFixture
) -> None:
    CloudBase(**sandbox.kwargs("cloudbase")).ask("Hello", session_id="quiet")
    assert {level for level, _ in ours(logs)} == {"DEBUG"}


# --- OpenTelemetry, through the frameworks' own instrumentation ----------------------------------


# OpenInference still calls pydantic's old `json`; the error would cost the span.
quiet = pytest.mark.filterwarnings("ignore:The `json` method is deprecated:DeprecationWarning")


@pytest.fixture
def spans(exporter: Any) -> Any:
    exporter.clear()
    return exporter


@pytest.fixture(scope="module")
def exporter() -> Iterator[Any]:
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentors = [LangChainInstrumentor(), LlamaIndexInstrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    yield exporter
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
    provider.shutdown()


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@quiet
async def test_a_turn_is_a_span(
    sandbox: Sandbox, spans: Any, framework: str, streamed: bool, awaited: bool
) -> None:
    kwargs = sandbox.kwargs("cloudbase_openai")
    way = Way(framework, "cloudbase_openai", streamed=streamed, awaited=awaited, **kwargs)
    answer = await way.ask(QUESTION)
    finished = spans.get_finished_spans()
    models = [s for s in finished if s.attributes.get("openinference.span.kind") == "LLM"]
    assert models, [s.name for s in finished]
    attributes = dict(models[0].attributes)
    assert answer.text in str(attributes["output.value"])
    assert QUESTION in str(attributes)
    assert attributes["llm.token_count.total"] > 0
    assert kwargs["api_key"] not in str([s.to_json() for s in finished])


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@quiet
async def test_a_failed_turn_is_a_failed_span(sandbox: Sandbox, spans: Any, framework: str) -> None:
    kwargs = sandbox.kwargs("cloudbase_openai")
    sandbox.fail_next(status=500)
    way = Way(framework, "cloudbase_openai", streamed=False, awaited=True, **kwargs)
    with pytest.raises(Exception, match="500"):
        await way.ask(QUESTION)
    finished = spans.get_finished_spans()
    assert any(span.status.status_code.name == "ERROR" for span in finished)
    assert kwargs["api_key"] not in str([s.to_json() for s in finished])
