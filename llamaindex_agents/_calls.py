"""Who calls an LLM, and how: with LlamaIndex's events around it, or outside of any conversation."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractContextManager,
    aclosing,
    closing,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

from llama_index.core.instrumentation.event_handlers import NullEventHandler
from llama_index.core.llms.callbacks import dispatcher
from llama_index.core.llms.llm import LLM
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import (
    DISPATCHER_SPAN_DECORATED_ATTR,
    active_instrument_tags,
    instrument_tags,
)

from llamaindex_agents._lazy_turns import turns
from remote_agents.concealed import conceal
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import Arguments

F = TypeVar("F", bound=Callable[..., Any])


class _InDialogue(Protocol):
    session_id: str | None


class _Bindable(Protocol):
    def _for_text(self) -> Any: ...


def stateless(method: F) -> F:
    """LlamaIndex's own method, run by a copy of the LLM that has no conversation.

    What it gives is text, or made of text: no run that waits for a person.
    """
    inner = inspect.unwrap(method)  # without its span, which goes around the whole

    @wraps(inner)
    def run(self: _Bindable, *args: object, **kwargs: object) -> Any:
        return inner(self._for_text(), *args, **kwargs)

    @wraps(inner)
    async def arun(self: _Bindable, *args: object, **kwargs: object) -> Any:
        return await cast("Awaitable[Any]", run(self, *args, **kwargs))

    call: Any = arun if inspect.iscoroutinefunction(inner) else run
    had_span = call.__dict__.pop(DISPATCHER_SPAN_DECORATED_ATTR, False)
    return cast(F, _with_span_of_prediction(call) if had_span else call)


def _with_span_of_prediction(method: Any) -> Any:
    """A method with its span, which sees no secret in the `llm_kwargs`."""
    spanned = get_dispatcher(method.__module__).span(method)

    def hidden(args: Sequence[object], kwargs: Arguments) -> tuple[list[object], Arguments]:
        given = kwargs.get("llm_kwargs")
        named = {"llm_kwargs": conceal(given)} if isinstance(given, Mapping) else {}
        return [conceal(a) if isinstance(a, Mapping) else a for a in args], {**kwargs, **named}

    @wraps(spanned)
    def run(self: object, *args: object, **kwargs: object) -> Any:
        seen, named = hidden(args, kwargs)
        return spanned.__get__(self)(*seen, **named)

    @wraps(spanned)
    async def arun(self: object, *args: object, **kwargs: object) -> Any:
        seen, named = hidden(args, kwargs)
        return await spanned.__get__(self)(*seen, **named)

    return arun if inspect.iscoroutinefunction(method) else run


def observed(callback: Callable[[F], F]) -> Callable[[F], F]:
    """LlamaIndex's events around a method where something listens, else the method alone.

    An event for each piece of a stream costs more than the piece.
    """

    def decorate(method: F) -> F:
        signature = inspect.signature(method)
        begin = _tags_of_chat if "messages" in signature.parameters else _tags
        told = callback(_recording_streams(method))

        @wraps(method)
        def run(self: LLM, *args: object, **kwargs: object) -> Any:
            if not _is_observed(self):
                return method(self, *args, **kwargs)
            tags = begin(self, *args, **kwargs)
            with _recorded_streams() as streams:
                answer = told(self, *args, **kwargs)
            return _closing_both(answer, streams[0], tags) if streams else answer

        @wraps(method)
        async def arun(self: LLM, *args: object, **kwargs: object) -> Any:
            if not _is_observed(self):
                return await method(self, *args, **kwargs)
            tags = begin(self, *args, **kwargs)
            with _recorded_streams() as streams:
                answer = await told(self, *args, **kwargs)
            return _aclosing_both(answer, streams[0], tags) if streams else answer

        call: Any = arun if inspect.iscoroutinefunction(method) else run
        # LlamaIndex marks what it wraps in a way that `inspect` stumbles over at each call.
        call.__signature__ = signature
        del call.__wrapped__
        spanned = get_dispatcher(method.__module__).span(call)
        return cast(F, _with_span(spanned, signature))

    return decorate


def _with_span(method: Any, signature: inspect.Signature) -> Any:
    """A method with its span, which sees no secret of the call and is told the dialogue.

    LlamaIndex takes its mark on it as that of a span, and puts no second one around it. The span
    asks whose method it is, so it is bound.
    """

    @wraps(method)
    def run(self: _InDialogue, *args: object, **kwargs: object) -> Any:
        args, kwargs = _listed(args, conceal(kwargs))
        with _with_dialogue_tags(self, kwargs):
            return method.__get__(self)(*args, **kwargs)

    @wraps(method)
    async def arun(self: _InDialogue, *args: object, **kwargs: object) -> Any:
        args, kwargs = _listed(args, conceal(kwargs))
        with _with_dialogue_tags(self, kwargs):
            return await method.__get__(self)(*args, **kwargs)

    call: Any = arun if inspect.iscoroutinefunction(method) else run
    call.__signature__ = signature
    del call.__wrapped__
    return call


def _listed(
    args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments, with an iterator of messages as a list: who listens looks at them, too."""
    if args and isinstance(args[0], Iterator):
        return (list(args[0]), *args[1:]), kwargs
    if isinstance(messages := kwargs.get("messages"), Iterator):
        return args, {**kwargs, "messages": list(messages)}
    return args, kwargs


def _tags(*_: object, **__: object) -> Mapping[str, Any]:
    """The tags of a call, which its events have wherever its answer is read."""
    return active_instrument_tags.get()


def _tags_of_chat(llm: Any, messages: Any = None, **_: object) -> Mapping[str, Any]:
    """The same, of messages that LlamaIndex's events want to be some."""
    turns.check_messages(messages, llm.agent.endpoint)
    return _tags()


def _with_dialogue_tags(
    llm: _InDialogue, kwargs: Mapping[str, object]
) -> AbstractContextManager[None]:
    """Gives LlamaIndex's spans and events the names of the dialogue as tags."""
    kwargs = turns.without_absent(kwargs)
    session_id = kwargs.get("session_id") or llm.session_id or turns.current_session()
    named = {"session_id": session_id, "conversation_id": kwargs.get("conversation_id")}
    tags = {name: value for name, value in named.items() if value}
    return _added(tags)


# LlamaIndex's generator leaves the one inside open when it is left itself, and hands on the
# exception: whoever keeps that, a recorder of events for one, keeps the connection and the session.
_streams: ContextVar[list[Any] | None] = ContextVar("_streams", default=None)


def _recording_streams(method: F) -> F:
    """The method, which notes the stream that it opens."""

    def note(answer: object) -> Any:
        streams = _streams.get()
        if streams is not None and isinstance(answer, (Generator, AsyncGenerator)):
            streams.append(answer)
        return answer

    @wraps(method)
    def run(*args: object, **kwargs: object) -> Any:
        return note(method(*args, **kwargs))

    @wraps(method)
    async def arun(*args: object, **kwargs: object) -> Any:
        return note(await method(*args, **kwargs))

    noting: Any = arun if inspect.iscoroutinefunction(method) else run
    del noting.__wrapped__  # by which LlamaIndex knows what has its events already
    return cast(F, noting)


@contextmanager
def _recorded_streams() -> Iterator[list[Any]]:
    streams: list[Any] = []
    token = _streams.set(streams)
    try:
        yield streams
    finally:
        _streams.reset(token)


def _closing_both(answer: Any, stream: Any, tags: Mapping[str, Any]) -> Iterator[Any]:
    """The answer, whose events have the tags of its call wherever it is read."""
    with closing(stream):
        try:
            while True:
                with _added(tags):
                    response = next(answer, None)
                if response is None:
                    return
                yield response
        finally:
            with _added(tags):
                answer.close()


async def _aclosing_both(answer: Any, stream: Any, tags: Mapping[str, Any]) -> AsyncIterator[Any]:
    async with aclosing(stream):
        try:
            while True:
                with _added(tags):
                    response = await anext(answer, None)
                if response is None:
                    return
                yield response
        finally:
            with _added(tags):
                await answer.aclose()


def _added(tags: Mapping[str, Any]) -> AbstractContextManager[None]:
    return instrument_tags({**active_instrument_tags.get(), **tags}) if tags else nullcontext()


def _is_observed(llm: LLM) -> bool:
    """Whether an event would reach anybody; LlamaIndex's limiter works in the same place."""
    manager = llm.callback_manager
    if llm.rate_limiter is not None or manager is None or manager.handlers:
        return True
    source: Any = dispatcher
    while source is not None:
        if any(not isinstance(h, NullEventHandler) for h in source.event_handlers):
            return True
        source = source.parent if source.propagate else None
    return False


def stateless_call(kwargs: Arguments) -> Arguments:
    """Arguments of a call that is no turn of a conversation."""
    for name in ("conversation_id", "session_id"):
        if kwargs.get(name) not in (None, ""):
            raise ConfigurationError(
                f"Only chat() and stream_chat() continue a conversation; {name} was passed to a "
                "call that never does."
            )
    return {**kwargs, "memory": "client"}


# What LlamaIndex, and this module, put between an LLM and whoever calls it.
_BETWEEN = (
    "llamaindex_agents._answers",
    "llamaindex_agents._calls",
    "llamaindex_agents._llm",
    "llama_index.core.async_utils",
    "llama_index.core.instrumentation",
    "llama_index.core.llms.callbacks",
    "llama_index.core.llms.function_calling",
    "llama_index_instrumentation",
)
_ENGINES = (
    "llama_index.agent",
    "llama_index.chat_engine",
    "llama_index.core.agent",
    "llama_index.core.chat_engine",
)


def is_component(caller: str) -> bool:
    """Whether a part of LlamaIndex asks something of its own, which nobody has said.

    Memories, rerankers, extractors and programs call `chat` as chat engines and agents do, with
    prompts of the same shapes; only who calls tells them apart.
    """
    return caller.startswith("llama_index.") and not is_engine(caller)


def is_program(caller: str) -> bool:
    """Whether LlamaIndex asks for an object of a schema, as its router selectors do.

    An agent cannot be forced to call a tool, so it is asked in words for JSON, as any LLM is.
    """
    return caller.startswith("llama_index.core.program")


def is_engine(caller: str) -> bool:
    """Whether a chat engine or an agent of LlamaIndex asks; they bring their whole history."""
    return caller.startswith(_ENGINES)


def caller_of_llm() -> str:
    """The module that called the LLM."""
    frame = inspect.currentframe()
    while frame and _is_between(frame):
        frame = frame.f_back
    return _module(frame) if frame else ""


def _is_between(frame: FrameType) -> bool:
    """Whether it is a step of the call: also a method that overrides one of the LLM's."""
    return _module(frame).startswith(_BETWEEN) or isinstance(frame.f_locals.get("self"), LLM)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))
