"""Every way to ask: endpoint x framework x sync or async x streamed or not, behind one call."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import remote_agents
from remote_agents.client import Client
from remote_agents.services import ENDPOINTS

# The class names are those of LlamaIndex; LangChain puts "Chat" before or "LLM" after them.
NAMES = {name: Client.kind_of(endpoint).__name__ for name, endpoint in ENDPOINTS.items()}
FRAMEWORKS = ("plain", "langchain", "llamaindex")
ENDPOINT_NAMES = tuple(ENDPOINTS)


@dataclass
class Answer:
    """What a caller of any framework got."""

    text: str
    metadata: dict[str, Any]
    message: Any  # to be put into the history of the next turn
    pieces: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each piece was in the caller's hand


class Way:
    """One framework's class for one endpoint, asked in one of four ways.

    `ask` takes the earlier messages and a question, and returns an `Answer`.
    """

    def __init__(
        self, framework: str, endpoint: str, *, streamed: bool, awaited: bool, **settings: Any
    ) -> None:
        self.framework = framework
        self.endpoint = endpoint
        self.streamed = streamed
        self.awaited = awaited
        self.model = make(framework, endpoint, **settings)
        self._shape = {"plain": _Plain, "langchain": _LangChain, "llamaindex": _LlamaIndex}[
            framework
        ]()

    async def ask(
        self, question: str, history: Sequence[Any] = (), session: str | None = None
    ) -> Answer:
        """One turn, in this way."""
        shape, messages = self._shape, [*history, self._shape.question(question)]
        target, keywords = shape.bind(self.model, session)
        if not self.streamed:
            if self.awaited:
                return shape.answer(await getattr(target, shape.acall)(messages, **keywords))
            return shape.answer(getattr(target, shape.call)(messages, **keywords))
        if self.awaited:
            stream = getattr(target, shape.astream)(messages, **keywords)
            items = await stream if hasattr(stream, "__await__") else stream
            return shape.collect(*await _take_async(items))
        return shape.collect(*_take(getattr(target, shape.stream)(messages, **keywords)))

    def question(self, text: str) -> Any:
        """A user's message in the framework's own type."""
        return self._shape.question(text)


def make(framework: str, endpoint: str, **settings: Any) -> Any:
    """An instance of the framework's class for the endpoint."""
    name = NAMES[endpoint]
    if framework == "plain":
        return getattr(remote_agents, name)(**settings)
    if framework == "langchain":
        import langchain_agents

        return getattr(langchain_agents, f"Chat{name}")(**settings)
    import llamaindex_agents

    return getattr(llamaindex_agents, name)(**settings)


def _take(items: Iterator[Any]) -> tuple[list[Any], list[float]]:
    taken, times = [], []
    for item in items:
        taken.append(item)
        times.append(time.monotonic())
    return taken, times


async def _take_async(items: AsyncIterator[Any]) -> tuple[list[Any], list[float]]:
    taken, times = [], []
    async for item in items:
        taken.append(item)
        times.append(time.monotonic())
    return taken, times


def _streamed(answer: Answer, texts: list[str], times: list[float]) -> Answer:
    answer.pieces = [text for text in texts if text]
    answer.times = [moment for text, moment in zip(texts, times, strict=True) if text]
    return answer


class _Plain:
    call, acall, stream, astream = "ask", "aask", "stream", "astream"

    def question(self, text: str) -> Any:
        return remote_agents.Message("user", text)

    def bind(self, model: Any, session: str | None) -> tuple[Any, dict[str, Any]]:
        return model, {"session_id": session} if session else {}

    def answer(self, reply: Any) -> Answer:
        return Answer(reply.text, reply.metadata(), reply)

    def collect(self, events: list[Any], times: list[float]) -> Answer:
        texts = [e.text if isinstance(e, remote_agents.TextDelta) else "" for e in events]
        return _streamed(self.answer(events[-1].reply), texts, times)


class _LangChain:
    call, acall, stream, astream = "invoke", "ainvoke", "stream", "astream"

    def question(self, text: str) -> Any:
        from langchain_core.messages import HumanMessage

        return HumanMessage(text)

    def bind(self, model: Any, session: str | None) -> tuple[Any, dict[str, Any]]:
        return model, {"config": {"configurable": {"session_id": session}}} if session else {}

    def answer(self, message: Any) -> Answer:
        return Answer(message.text, message.response_metadata, message)

    def collect(self, chunks: list[Any], times: list[float]) -> Answer:
        from langchain_core.messages import message_chunk_to_message

        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        answer = self.answer(message_chunk_to_message(whole))
        return _streamed(answer, [chunk.text for chunk in chunks], times)


class _LlamaIndex:
    call, acall, stream, astream = "chat", "achat", "stream_chat", "astream_chat"

    def question(self, text: str) -> Any:
        from llama_index.core.llms import ChatMessage

        return ChatMessage(role="user", content=text)

    def bind(self, model: Any, session: str | None) -> tuple[Any, dict[str, Any]]:
        return (model.for_session(session) if session else model), {}

    def answer(self, response: Any) -> Answer:
        message = response.message
        return Answer(message.content or "", message.additional_kwargs, message)

    def collect(self, responses: list[Any], times: list[float]) -> Answer:
        texts = [response.delta or "" for response in responses]
        return _streamed(self.answer(responses[-1]), texts, times)
