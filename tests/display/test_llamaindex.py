"""What a notebook and a terminal show of LlamaIndex: its engines' streams, and whole answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from llama_index.core.base.response.schema import PydanticResponse, StreamingResponse
from llama_index.core.chat_engine import CondenseQuestionChatEngine, SimpleChatEngine
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import BaseModel

import llamaindex_agents
from remote_agents import AgentStreamError, display
from remote_agents.display import display_stream
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES
from tests.llamaindex.conftest import CITING, QUESTION
from tests.llamaindex.local import ByWords, memory, passages

REASONING = ("ag_ui", "cloudbase")
KNOWN = {"reasoning": "Look it up.", "citations": [{"title": "plan.md"}]}
each_service = pytest.mark.parametrize("service", NAMES)
each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


class Screen:
    """Keeps each piece that it is given to draw, and what it shows in the end."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.last: dict[str, str] = {}

    def grow(self, view: Any, part: Any) -> None:
        self.pieces.append(part.text)

    def finish(self, view: Any) -> None:
        self.last = view.bundle()

    @property
    def plain(self) -> str:
        return self.last["text/plain"]

    @property
    def page(self) -> str:
        return self.last["text/html"]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(display, "_screen", lambda: screen)
    return screen


def llm_of(sandbox: Sandbox, service: str) -> Any:
    sandbox.configure(word_delay=0.002)
    return getattr(llamaindex_agents, NAMES[service])(**sandbox.kwargs(service))


async def called(target: Any, method: str, mode: str) -> Any:
    if mode == "sync":
        return getattr(target, method)(QUESTION)
    return await getattr(target, "a" + method)(QUESTION)


async def shown(answer: Any, mode: str) -> Any:
    return display_stream(answer) if mode == "sync" else await display_stream(answer)


# --- engines that stream -------------------------------------------------------------------------

ENGINES = {
    "chat": lambda llm: llm.as_chat_engine("a"),
    "simple": lambda llm: SimpleChatEngine.from_defaults(llm=llm, memory=memory()),
    "condense": lambda llm: CondenseQuestionChatEngine.from_defaults(
        query_engine=llm.as_query_engine(streaming=True), llm=llm, memory=memory()
    ),
    "query": lambda llm: llm.as_query_engine(streaming=True),
    "retrieving": lambda llm: RetrieverQueryEngine.from_args(
        ByWords(passages(), 2), llm=llm, streaming=True
    ),
}


@each_mode
@each_service
@pytest.mark.parametrize("kind", ENGINES)
async def test_an_engine_is_shown_as_it_streams(
    kind: str, service: str, mode: str, screen: Screen, sandbox: Sandbox
) -> None:
    engine = ENGINES[kind](llm_of(sandbox, service))
    method = "query" if kind in ("query", "retrieving") else "stream_chat"
    answer = await called(engine, method, mode)
    assert await shown(answer, mode) is answer
    assert len([piece for piece in screen.pieces if piece]) > 2
    assert "vacation" in screen.plain
    text = answer.response if method == "stream_chat" else answer.response_txt
    assert text.strip() == screen.plain.split("\n[1]")[0].strip()
    if kind in ("chat", "query", "condense"):
        assert bool(answer.source_nodes) == (service in CITING)
        assert ("[1] vacation.md" in screen.plain) == (service in CITING)
    if kind == "retrieving":
        assert "[1]" in screen.plain
    if kind in ("chat", "query"):
        assert ("<summary>Reasoning" in screen.page) == (service in REASONING)


@each_mode
@pytest.mark.parametrize("kind", ["chat", "query"])
async def test_what_was_read_is_shown_again(
    kind: str, mode: str, screen: Screen, sandbox: Sandbox
) -> None:
    engine = ENGINES[kind](llm_of(sandbox, "maiagent"))
    answer = await called(engine, "query" if kind == "query" else "stream_chat", mode)
    await shown(answer, mode)
    first = screen.plain
    await shown(answer, mode)
    assert screen.plain == first
    assert "[1] vacation.md" in first


def test_an_answer_that_was_left_early_says_so(screen: Screen, sandbox: Sandbox) -> None:
    answer = llm_of(sandbox, "bluenexus").as_chat_engine("a").stream_chat(QUESTION)
    begun = next(answer.response_gen)
    with pytest.raises(AgentStreamError) as caught:
        display_stream(answer)
    assert caught.value.partial == begun


def test_what_arrived_of_an_engine_stays_and_its_stream_is_closed(screen: Screen) -> None:
    closed = []

    def broken() -> Iterator[str]:
        try:
            yield "25 "
            raise ConnectionResetError
        finally:
            closed.append(True)

    with pytest.raises(ConnectionResetError):
        display_stream(StreamingResponse(broken()))
    assert screen.plain == "25 "
    assert closed


class Plan(BaseModel):
    days: int


def test_an_engine_that_does_not_stream_is_shown_whole(screen: Screen) -> None:
    node = NodeWithScore(node=TextNode(text="25 days", metadata={"title": "plan.md"}))
    answers = [
        AgentChatResponse("25 days", source_nodes=[node], metadata={"reasoning": "Look it up."}),
        PydanticResponse(Plan(days=25), source_nodes=[node], metadata={"reasoning": {}}),
    ]
    for answer in answers:
        assert display_stream(answer) is answer
        assert "25" in screen.plain
        assert "[1] plan.md" in screen.plain
        assert ("Look it up." in screen.page) == (answer is answers[0])


# --- the responses of an LLM ---------------------------------------------------------------------


@each_mode
@each_service
@pytest.mark.parametrize("method", ["complete", "stream_complete"])
async def test_a_completion_is_shown_with_its_sources(
    method: str, service: str, mode: str, screen: Screen, sandbox: Sandbox
) -> None:
    answer = await called(llm_of(sandbox, service), method, mode)
    whole = await shown(answer, mode if "stream" in method else "sync")
    assert whole.text in screen.plain
    assert "vacation" in whole.text
    assert (whole is answer) == (method == "complete")
    assert ("[1] vacation.md" in screen.plain) == (service in CITING)
    assert screen.page.count("<summary>Reasoning") == (service in REASONING)


@each_mode
@each_service
@pytest.mark.parametrize("method", ["chat", "stream_chat"])
async def test_a_chat_is_shown_with_its_reasoning(
    method: str, service: str, mode: str, screen: Screen, sandbox: Sandbox
) -> None:
    llm = llm_of(sandbox, service)
    call = getattr(llm, method if mode == "sync" else "a" + method)
    answer = call([ChatMessage(QUESTION)])
    answer = answer if mode == "sync" else await answer
    whole = await shown(answer, mode if "stream" in method else "sync")
    thought = whole.message.additional_kwargs.get("reasoning")
    assert bool(thought) == (service in REASONING)
    assert screen.page.count("<summary>Reasoning") == bool(thought)
    assert (thought or "").strip() in screen.last["text/markdown"]
    assert screen.last["text/markdown"].count((thought or "```text").strip()) == 1


def test_a_message_alone_is_shown(screen: Screen) -> None:
    message = ChatMessage("25 days", role="assistant", additional_kwargs=KNOWN)
    assert display_stream(message) is message
    assert screen.plain == "25 days\n[1] plan.md"
    assert "Look it up." in screen.page


def test_what_others_call_citations_does_no_harm(screen: Screen) -> None:
    known = {"citations": ["https://example.com"], "files": {"a": 1}, "reasoning": {"effort": 1}}
    for answer in (
        CompletionResponse(text="25 days", additional_kwargs=known),
        ChatResponse(message=ChatMessage("25 days", additional_kwargs=known)),
    ):
        assert display_stream(answer) is answer
        assert screen.plain == "25 days"


async def test_an_async_stream_of_completions_has_its_sources(screen: Screen) -> None:
    async def pieces() -> AsyncIterator[CompletionResponse]:
        yield CompletionResponse(text="25 ", delta="25 ")
        yield CompletionResponse(text="25 days", delta="days", additional_kwargs=KNOWN)

    assert (await display_stream(pieces())).text == "25 days"
    assert screen.plain == "25 days\n[1] plan.md"
