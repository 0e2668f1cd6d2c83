"""A long answer that is streamed in one session, by each face."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from llama_index.core.base.llms.types import ChatMessage

import langchain_agents
import llamaindex_agents
from remote_agents import SessionStore
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES
from tests.memory.ways import client

LONG, NEXT = "Count to 500", "Count to 3"
NAMED: Any = {"session_id": "u1"}

Build = Callable[[str, str], Any]


def builder(sandbox: Sandbox, store: SessionStore) -> Build:
    """`build(face, service)`: a model of one of the faces; all share the store."""
    modules = {"llamaindex": (llamaindex_agents, "{}"), "llm": (langchain_agents, "{}LLM")}

    def build(face: str, service: str) -> Any:
        settings = {"session_store": store, "session_wait": 20.0, "coalesce": False}
        if face == "plain":
            return client(sandbox, service, **settings)
        module, name = modules.get(face, (langchain_agents, "Chat{}"))
        kind = getattr(module, name.format(NAMES[service]))
        return kind(**{**sandbox.kwargs(service), **settings})

    return build


def plain(model: Any) -> Any:
    return model.stream(LONG, session_id="u1")


def aplain(model: Any) -> Any:
    return model.astream(LONG, session_id="u1")


def _langchain(model: Any) -> Any:
    return model.stream(LONG, {"configurable": NAMED})


def _alangchain(model: Any) -> Any:
    return model.astream(LONG, {"configurable": NAMED})


def _events(model: Any) -> Any:
    return model.stream_events(LONG, {"configurable": NAMED}, version="v3")


def _llamaindex(model: Any) -> Any:
    return model.for_session("u1").stream_chat([ChatMessage(LONG)])


async def _allamaindex(model: Any) -> AsyncIterator[Any]:
    async for response in await model.for_session("u1").astream_chat([ChatMessage(LONG)]):
        yield response


def _engine(model: Any) -> Any:
    return model.as_chat_engine("u1").stream_chat(LONG).response_gen


def _engine_response(model: Any) -> Any:
    response = model.as_chat_engine("u1").stream_chat(LONG)
    next(iter(response.response_gen))
    return iter([response])


ASKED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "plain": ("plain", plain),
    "langchain": ("chat", _langchain),
    "events v3": ("chat", _events),
    "text model": ("llm", _langchain),
    "llamaindex": ("llamaindex", _llamaindex),
    "chat engine": ("llamaindex", _engine),
    "response of a chat engine": ("llamaindex", _engine_response),
}
AASKED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "plain": ("plain", aplain),
    "langchain": ("chat", _alangchain),
    "text model": ("llm", _alangchain),
    "llamaindex": ("llamaindex", _allamaindex),
}
