"""A browser that goes away amid an answer leaves its session free for the next question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from remote_agents import InMemorySessionStore
from tests.langchain.services import KEEPING, LLMS, QUESTION, chat
from tests.pages import read_after_a_glance

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

CONFIG: Any = {"configurable": {"session_id": "alice"}}


def stream(model: Any) -> Iterator[str]:
    for chunk in model.stream(QUESTION, CONFIG):
        yield chunk.text


def events(model: Any) -> Iterator[str]:
    yield from model.stream_events(QUESTION, CONFIG, version="v3").text


def text_model(model: Any) -> Iterator[str]:
    kind = LLMS[model.endpoint.name]
    names = ("base_url", "agent_id", "api_key", "session_store", "session_wait")
    return kind(**{name: getattr(model, name) for name in names}).stream(QUESTION, CONFIG)


async def astream(model: Any) -> AsyncIterator[str]:
    async for chunk in model.astream(QUESTION, CONFIG):
        yield chunk.text


async def aevents(model: Any) -> AsyncIterator[str]:
    async for text in (await model.astream_events(QUESTION, CONFIG, version="v3")).text:
        yield text


async def asequence(model: Any) -> AsyncIterator[str]:
    chain = ChatPromptTemplate.from_messages([("human", "{q}")]) | model | StrOutputParser()
    async for text in chain.astream({"q": QUESTION}, CONFIG):
        yield text


ANSWERS: dict[str, Callable[[Any], Any]] = {
    each.__name__: each for each in (stream, events, text_model, astream, aevents, asequence)
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("service", KEEPING)
def test_a_closed_browser_frees_its_session(sandbox: Any, service: str, answer: str) -> None:
    settings: dict[str, Any] = {"session_store": InMemorySessionStore(), "session_wait": 2.0}
    model = chat(sandbox, service, coalesce=False, **settings)
    assert b"25" in read_after_a_glance(sandbox, lambda: ANSWERS[answer](model))
