"""Every way to ask a service: face x sync or async x streamed or not, behind one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol

import remote_agents
from remote_agents.client import Client
from remote_agents.json_types import JsonObject
from remote_agents.service import Endpoint
from remote_agents.services import BUILT_IN, ENDPOINTS
from remote_agents.settings import Settings

# The class names are those of LlamaIndex; LangChain puts "Chat" before or "LLM" after them.
NAMES = {name: Client.kind_of(ENDPOINTS[name]).__name__ for name in BUILT_IN}
FRAMEWORKS = ("plain", "langchain", "llamaindex")
ENDPOINT_NAMES = tuple(ENDPOINTS)


@dataclass
class Answer:
    """What a caller of any framework got."""

    text: str
    metadata: JsonObject
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
        self._shape: _Shape = SHAPES[framework]()

    async def ask(
        self,
        question: str,
        history: Sequence[Any] = (),
        session: str | None = None,
        **call: object,
    ) -> Answer:
        """One turn, in this way; `call` are further arguments of it."""
        return await self.send([*history, self.question(question)], session, **call)

    async def send(self, messages: list[Any], session: str | None = None, **call: object) -> Answer:
        """One turn of these messages, the newest last."""
        shape = self._shape
        target, keywords = shape.bind(self.model, session)
        keywords = {**keywords, **call}
        if not self.streamed:
            if self.awaited:
                return shape.answer(await getattr(target, shape.acall)(messages, **keywords))
            return shape.answer(getattr(target, shape.call)(messages, **keywords))
        if self.awaited:
            items = await self._astream(target, messages, **keywords)
            return shape.collect(*await _take_async(items))
        return shape.collect(*_take(getattr(target, shape.stream)(messages, **keywords)))

    async def leave(self, question: str, session: str | None = None) -> None:
        """One streamed turn, which is left after its first piece."""
        messages = [self._shape.question(question)]
        target, keywords = self._shape.bind(self.model, session)
        if self.awaited:
            items = await self._astream(target, messages, **keywords)
            await anext(items)
            await items.aclose()
        else:
            stream = getattr(target, self._shape.stream)(messages, **keywords)
            next(stream)
            stream.close()

    async def _astream(self, target: Any, messages: list[Any], **keywords: object) -> Any:
        stream = getattr(target, self._shape.astream)(messages, **keywords)
        return await stream if hasattr(stream, "__await__") else stream

    def question(self, text: str) -> Any:
        """A user's message in the framework's own type."""
        return self._shape.question(text)


def asked(
    way: Way,
    question: str,
    history: Sequence[Any] = (),
    session: str | None = None,
    **call: object,
) -> Answer:
    """One turn of a way, from a test that is no coroutine: an event loop where it wants one.

    Raises:
        RuntimeError: The sync way awaited something.
    """
    asking = way.ask(question, history, session, **call)
    if way.awaited:
        return asyncio.run(asking)
    try:
        asking.send(None)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer
    raise RuntimeError("the sync way awaited something")


def goes_on(service: str, first: Answer, later: Answer) -> bool:
    """Whether a later answer is of the conversation of the first one."""
    if ENDPOINTS[service].chains:  # each has an id of its own
        return bool(later.metadata["memory"] == "continued")
    return bool(first.metadata.get("conversation_id") == later.metadata.get("conversation_id"))


def make(framework: str, endpoint: str, **settings: Any) -> Any:
    """An instance of the framework's class for a service.

    Args:
        framework: `plain`, `langchain` or `llamaindex`.
        endpoint: The service's name.
        **settings: Arguments of its constructor.
    """
    return class_of(framework, ENDPOINTS[endpoint])(**settings)


def class_of(framework: str, endpoint: Endpoint) -> type[Settings]:
    """The framework's class for a service: the one that was defined for it, else a plain one."""
    if framework == "plain":
        return Client.kind_of(endpoint)
    base = _base_of(framework)
    known = (kind for kind in _below(base) if getattr(kind, "endpoint", None) is endpoint)
    return next(known, None) or _made(base, endpoint)


def _base_of(framework: str) -> type[Settings]:
    """The framework's class for any service; those of the package's own are loaded with it."""
    if framework == "langchain":
        from langchain_agents import ChatAgent, chat_models

        _load(chat_models)
        return ChatAgent
    from llamaindex_agents import RemoteAgent, llms

    _load(llms)
    return RemoteAgent


def _load(package: ModuleType) -> None:
    for name in package.__all__:
        getattr(package, name)


def _below(base: type[Settings]) -> Iterator[type[Settings]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _below(kind)


def _made(base: type[Settings], endpoint: Endpoint) -> type[Settings]:
    client = Client.kind_of(endpoint)
    mixins = [kind for kind in client.__mro__ if issubclass(kind, Settings)]
    own = next(kind for kind in mixins if not issubclass(kind, Client))
    bases = (own, base) if own is not Settings else (base,)
    return type(client.__name__, bases, {"endpoint": endpoint, "__module__": __name__})


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


class _Shape(Protocol):
    """How one framework is asked, and what it answers."""

    call: str
    acall: str
    stream: str
    astream: str

    def question(self, text: str) -> Any:
        """A user's message."""

    def bind(self, model: object, session: str | None) -> tuple[Any, JsonObject]:
        """What is asked in a session, and with which arguments."""

    def answer(self, whole: object) -> Answer:
        """What a whole answer says."""

    def collect(self, items: list[Any], times: list[float]) -> Answer:
        """What the pieces of a stream say."""


class _Plain:
    call, acall, stream, astream = "ask", "aask", "stream", "astream"

    def question(self, text: str) -> Any:
        return remote_agents.Message("user", text)

    def bind(self, model: object, session: str | None) -> tuple[Any, JsonObject]:
        return model, {"session_id": session} if session else {}

    def answer(self, whole: Any) -> Answer:
        return Answer(whole.text, whole.metadata(), whole)

    def collect(self, items: list[Any], times: list[float]) -> Answer:
        texts = [e.text if isinstance(e, remote_agents.TextDelta) else "" for e in items]
        return _streamed(self.answer(items[-1].reply), texts, times)


class _LangChain:
    call, acall, stream, astream = "invoke", "ainvoke", "stream", "astream"

    def question(self, text: str) -> Any:
        from langchain_core.messages import HumanMessage

        return HumanMessage(text)

    def bind(self, model: object, session: str | None) -> tuple[Any, JsonObject]:
        return model, {"config": {"configurable": {"session_id": session}}} if session else {}

    def answer(self, whole: Any) -> Answer:
        return Answer(whole.text, whole.response_metadata, whole)

    def collect(self, items: list[Any], times: list[float]) -> Answer:
        from langchain_core.messages import message_chunk_to_message

        whole = items[0]
        for chunk in items[1:]:
            whole += chunk
        answer = self.answer(message_chunk_to_message(whole))
        return _streamed(answer, [chunk.text for chunk in items], times)


class _LlamaIndex:
    call, acall, stream, astream = "chat", "achat", "stream_chat", "astream_chat"

    def question(self, text: str) -> Any:
        from llama_index.core.llms import ChatMessage

        return ChatMessage(role="user", content=text)

    def bind(self, model: Any, session: str | None) -> tuple[Any, JsonObject]:
        return (model.for_session(session) if session else model), {}

    def answer(self, whole: Any) -> Answer:
        message = whole.message
        return Answer(message.content or "", message.additional_kwargs, message)

    def collect(self, items: list[Any], times: list[float]) -> Answer:
        texts = [response.delta or "" for response in items]
        return _streamed(self.answer(items[-1]), texts, times)


SHAPES: dict[str, type[_Shape]] = {
    "plain": _Plain,
    "langchain": _LangChain,
    "llamaindex": _LlamaIndex,
}
