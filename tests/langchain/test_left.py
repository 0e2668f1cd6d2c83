"""A browser that goes away amid an answer leaves its session free for the next question."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_agents._event_streams import aclosable
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


class Closing:
    """A stream whose end waits for what nobody else holds."""

    done = ended = False

    def set_start(self, start: object) -> None: ...

    async def aclose(self) -> None:
        answer = asyncio.get_running_loop().create_future()
        self.answer = weakref.ref(answer)
        await answer
        self.ended = True


async def test_the_end_of_a_dropped_stream_is_not_forgotten() -> None:
    stream: Any = Closing()

    async def opening() -> Any:
        return stream

    handle = await aclosable(opening())
    del handle
    await asyncio.sleep(0.01)
    gc.collect()
    answer = stream.answer()
    assert answer is not None, "the task that ends the stream is gone"
    answer.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert stream.ended
