"""A browser that goes away amid an answer leaves its session free for the next question."""

import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import uvicorn
from llama_index.core.base.llms.types import ChatMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from remote_agents import InMemorySessionStore
from remote_agents.memory import lease
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import KEEPING, QUESTION, Build


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


class Page:
    """A web page that shows answers as they arrive, on a real server."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        def endpoint(request: Request) -> StreamingResponse:
            return StreamingResponse(answer())

        config = uvicorn.Config(Starlette(routes=[Route("/", endpoint)]), log_level="error")
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def open(self) -> socket.socket:
        """A browser's connection, which has asked."""
        browser = socket.create_connection(self._socket.getsockname(), timeout=20)
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return browser

    def glance(self) -> None:
        """See an answer begin, and go away."""
        with self.open() as browser:
            seen = b""
            while seen.count(b"\r\n") < seen.partition(b"\r\n\r\n")[0].count(b"\r\n") + 4:
                seen += browser.recv(65536)

    def read(self) -> bytes:
        """A whole answer."""
        with self.open() as browser:
            return b"".join(iter(lambda: browser.recv(65536), b""))


@pytest.fixture
def no_gc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is collected but by whoever waits; these tests do not wait for each other's turn."""
    monkeypatch.setattr(lease, "EASE", 0.0)
    monkeypatch.setattr(lease, "_not_before", 0.0)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_gc")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("service", KEEPING)
def test_a_closed_browser_frees_its_session(
    sandbox: Sandbox, build: Build, service: str, answer: str
) -> None:
    llm = build(service, session_store=InMemorySessionStore(), session_wait=3.0, coalesce=False)
    sandbox.configure(word_delay=0.05)
    page = Page(lambda: ANSWERS[answer](llm))
    try:
        page.glance()
        sandbox.configure(word_delay=0)
        assert b"25" in page.read()
    finally:
        page.close()
        llm.close()
