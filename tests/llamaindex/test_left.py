"""A browser that goes away amid an answer leaves its session free for the next question."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from remote_agents import InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import KEEPING, QUESTION, Build
from tests.pages import read_after_a_glance


def chat(llm: Any) -> Iterator[str]:
    return iter(llm.as_chat_engine("alice").stream_chat(QUESTION).response_gen)


def query(llm: Any) -> Iterator[str]:
    engine = llm.for_session("alice").as_query_engine(streaming=True)
    return iter(engine.query(QUESTION).response_gen)


def deltas(llm: Any) -> Iterator[str]:
    for response in llm.for_session("alice").stream_chat([ChatMessage(QUESTION)]):
        yield response.delta


async def achat(llm: Any) -> AsyncIterator[str]:
    response = await llm.as_chat_engine("alice").astream_chat(QUESTION)
    async for token in response.async_response_gen():
        yield token


async def aquery(llm: Any) -> AsyncIterator[str]:
    engine = llm.for_session("alice").as_query_engine(streaming=True)
    response = await engine.aquery(QUESTION)
    async for token in response.async_response_gen():
        yield token


async def adeltas(llm: Any) -> AsyncIterator[str]:
    async for response in await llm.for_session("alice").astream_chat([ChatMessage(QUESTION)]):
        yield response.delta


ANSWERS: dict[str, Callable[[Any], Any]] = {
    each.__name__: each for each in (chat, query, deltas, achat, aquery, adeltas)
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("service", KEEPING)
def test_a_closed_browser_frees_its_session(
    sandbox: Sandbox, build: Build, service: str, answer: str
) -> None:
    llm = build(service, session_store=InMemorySessionStore(), session_wait=2.0, coalesce=False)
    assert b"25" in read_after_a_glance(sandbox, lambda: ANSWERS[answer](llm))
    llm.close()
