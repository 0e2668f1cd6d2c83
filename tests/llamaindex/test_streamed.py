"""Answers that arrive piece by piece in LlamaIndex's engines: their sources, and leaving them."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from llama_index.core.chat_engine import CondenseQuestionChatEngine
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool

from llamaindex_agents import AgentQueryEngine
from remote_agents import AgentStreamError, InMemorySessionStore
from tests.llamaindex.conftest import CITING, FOLLOW_UP, KEEPING, QUESTION, SERVICES, Build
from tests.llamaindex.local import memory

UNCOUNTED = ("private_ai", "bluenexus", "maiagent")  # in streams
AWAITED = pytest.mark.parametrize("awaited", [False, True])


async def ask(engine: Any, method: str, question: str, awaited: bool) -> Any:
    """Call `query` or `stream_chat`, or its async twin."""
    answer = getattr(engine, f"a{method}" if awaited else method)(question)
    return await answer if awaited else answer


def tokens(response: Any, awaited: bool) -> Any:
    return response.async_response_gen() if awaited else response.response_gen


async def read(response: Any, awaited: bool) -> str:
    if awaited:
        return "".join([token async for token in response.async_response_gen()])
    return "".join(response.response_gen)


# --- inside other engines ----------------------------------------------------------------------


@AWAITED
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_router_keeps_what_an_engine_says(
    build: Build, service: str, streaming: bool, awaited: bool
) -> None:
    engine = build(service).as_query_engine(streaming=streaming)
    tools = [
        QueryEngineTool.from_defaults(engine, name=name, description=description)
        for name, description in (("hr", "Vacation days."), ("it", "Laptops."))
    ]
    router = RouterQueryEngine.from_defaults(tools, llm=build("bluenexus"))
    response = await ask(router, "query", QUESTION, awaited)
    text = await read(response, awaited) if streaming else str(response)
    assert "25 vacation days" in text
    assert response.metadata["selector_result"].ind == 0
    assert response.metadata["finish_reason"] == "stop"
    assert response.metadata["request_id"]
    assert bool(response.source_nodes) == (service in CITING)


@AWAITED
@pytest.mark.parametrize("service", SERVICES)
async def test_a_condense_engine_keeps_the_sources(
    build: Build, service: str, awaited: bool
) -> None:
    llm = build(service)
    chat = CondenseQuestionChatEngine.from_defaults(
        query_engine=llm.as_query_engine(streaming=True), llm=llm, memory=memory()
    )
    for question in (QUESTION, FOLLOW_UP):
        response = await ask(chat, "stream_chat", question, awaited)
        assert "vacation days" in await read(response, awaited)
        assert bool(response.source_nodes) == (service in CITING)
        assert response.source_nodes == response.sources[0].raw_output.source_nodes


@AWAITED
@pytest.mark.parametrize("service", SERVICES)
async def test_a_streamed_chat_tells_what_a_whole_one_does(
    build: Build, service: str, awaited: bool
) -> None:
    engines = [
        build(service, session_store=InMemorySessionStore()).as_chat_engine() for _ in range(2)
    ]
    whole = await ask(engines[0], "chat", QUESTION, awaited)
    streamed = await ask(engines[1], "stream_chat", QUESTION, awaited)
    assert await read(streamed, awaited) == str(whole) == str(streamed)
    # Which BlueNexus says of an answer at once, and not of a stream.
    assert whole.metadata.keys() - streamed.metadata.keys() <= {"usage", "credits_consumed", "raw"}
    assert streamed.metadata["finish_reason"] == "stop"
    assert streamed.metadata["request_id"]
    assert bool(streamed.metadata.get("usage")) == (service not in UNCOUNTED)
    assert streamed.source_nodes == whole.source_nodes


# --- leaving -----------------------------------------------------------------------------------

ENGINES = {
    "query": lambda llm: llm.as_query_engine(streaming=True),
    "stream_chat": lambda llm: llm.as_chat_engine(),
}


async def break_off(stream: Any) -> str:
    if isinstance(stream, Generator):
        for token in stream:
            return str(token)
    async with aclosing(stream):
        async for token in stream:
            return str(token)
    raise AssertionError("nothing arrived")


async def close(stream: Generator[str] | AsyncGenerator[str, None]) -> str:
    if isinstance(stream, Generator):
        token = next(stream)
        stream.close()
    else:
        token = await anext(stream)
        await stream.aclose()
    return token


async def fail(stream: Any) -> str:
    """An error in what reads the answer, which closes nothing itself."""
    try:
        if isinstance(stream, Generator):
            for token in stream:
                raise KeyError(token)
        async for token in stream:
            raise KeyError(token)
    except KeyError as error:
        return str(error.args[0])
    raise AssertionError("nothing arrived")


async def cancel(stream: Any) -> str:
    """A task that is cancelled while it reads; a thread cannot be."""
    if isinstance(stream, Generator):
        return await close(stream)
    said: list[str] = []
    begun = asyncio.Event()

    async def read() -> None:
        async for token in stream:
            said.append(token)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return said[0]


@AWAITED
@pytest.mark.parametrize("leave", [break_off, close, fail, cancel])
@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("service", KEEPING)
async def test_leaving_a_kept_response_frees_its_session(
    build: Build, service: str, method: str, leave: Any, awaited: bool
) -> None:
    llm = build(service, session_store=InMemorySessionStore(), session_wait=5, coalesce=False)
    engine = ENGINES[method](llm.for_session("alice"))
    kept = await ask(engine, method, QUESTION, awaited)
    first = await leave(tokens(kept, awaited))
    if not awaited:
        assert str(kept) == first.strip() or str(kept) == first
    again = await ask(engine, method, QUESTION, awaited)
    assert "25 vacation days" in await read(again, awaited)
    with pytest.raises(AgentStreamError, match="keep the iterator") as caught:
        await read(kept, awaited)
    assert caught.value.partial.startswith(first)


@AWAITED
@pytest.mark.parametrize("method", ENGINES)
async def test_a_read_response_still_tells_its_text(
    build: Build, method: str, awaited: bool
) -> None:
    engine = ENGINES[method](build("maiagent"))
    response = await ask(engine, method, QUESTION, awaited)
    text = await read(response, awaited)
    if not awaited:
        assert str(response) == text
    assert "25 vacation days" in text


# --- tracers -----------------------------------------------------------------------------------


def wrapped(stream: Any) -> Any:
    """As OpenInference and MLflow wrap it; MLflow's closes nothing."""

    def pieces() -> Generator[str]:
        while True:
            try:
                piece = next(stream)
            except StopIteration:
                return
            yield piece

    async def apieces() -> AsyncGenerator[str]:
        while True:
            try:
                piece = await anext(stream)
            except StopAsyncIteration:
                return
            yield piece

    return apieces() if isinstance(stream, AsyncGenerator) else pieces()


@pytest.fixture(params=[1, 2], ids=["traced", "traced-twice"])
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tracers do with each streamed answer of an engine: one for each of its spans."""
    query, aquery = AgentQueryEngine._query, AgentQueryEngine._aquery

    def trace(response: Any) -> Any:
        for _ in range(request.param):
            stream = response.response_gen
            response.response_gen = wrapped(stream)
        return response

    async def atrace(self: Any, bundle: QueryBundle) -> Any:
        return trace(await aquery(self, bundle))

    monkeypatch.setattr(AgentQueryEngine, "_query", lambda self, it: trace(query(self, it)))
    monkeypatch.setattr(AgentQueryEngine, "_aquery", atrace)


READERS = {
    "read": lambda response: "".join(response.response_gen),
    "str": str,
    "get_response": lambda response: str(response.get_response()),
    "print": lambda response: response.print_response_stream() or response.response_txt,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_traced_answer_is_read_as_any(
    build: Build, service: str, reader: str, traced: None
) -> None:
    response: Any = build(service).as_query_engine(streaming=True).query(QUESTION)
    assert "25 vacation days" in READERS[reader](response)
    assert "25 vacation days" in str(response)
    assert response.metadata["finish_reason"] == "stop"
    assert bool(response.source_nodes) == (service in CITING)


@AWAITED
def test_engines_over_a_traced_one(build: Build, traced: None, awaited: bool) -> None:
    for test in (test_a_router_keeps_what_an_engine_says, test_a_condense_engine_keeps_the_sources):
        more = {"streaming": True} if "router" in test.__name__ else {}
        asyncio.run(test(build, "maiagent", awaited=awaited, **more))


@AWAITED
@pytest.mark.parametrize("leave", [break_off, close, fail, cancel])
async def test_leaving_a_traced_answer_stops_it(
    build: Build, traced: None, leave: Any, awaited: bool
) -> None:
    await test_leaving_a_kept_response_frees_its_session(build, "maiagent", "query", leave, awaited)
