"""What LlamaIndex's callbacks and instrumentation see of a call, whatever becomes of it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.token_counting import TokenCountingHandler
from llama_index.core.utilities.token_counting import TokenCounter
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span import BaseSpan
from llama_index_instrumentation.span_handlers import BaseSpanHandler
from pydantic import BaseModel

from llamaindex_agents import BlueNexus, CloudBaseOpenAI, PrivateAI
from remote_agents import AgentError
from tests.llamaindex.conftest import (
    COMPLETE,
    QUESTION,
    SERVICES,
    STREAMED,
    WAYS,
    Build,
    RawServer,
    last,
)
from tests.llamaindex.test_faults import DONE, GOOD, STOP, frame

ASK = [ChatMessage(QUESTION)]


class Recorder(BaseEventHandler):
    """The names of all events, in order."""

    names: list[str] = []  # noqa: RUF012 - a pydantic field

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.names.append(type(event).__name__)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    root, recorder = get_dispatcher(), Recorder(names=[])
    root.add_event_handler(recorder)
    yield recorder
    root.event_handlers.remove(recorder)


class Callbacks(BaseCallbackHandler):
    """The old callbacks of LLM calls, in order."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.seen: list[str] = []
        self.payloads: list[dict[Any, Any]] = []

    def on_event_start(self, event_type: Any, payload: Any = None, **kwargs: Any) -> str:
        if event_type is CBEventType.LLM:
            self.seen.append("start")
            self.payloads.append(payload)
        return str(kwargs.get("event_id", ""))

    def on_event_end(self, event_type: Any, payload: Any = None, **kwargs: Any) -> None:
        if event_type is CBEventType.LLM:
            failed = EventPayload.EXCEPTION in payload
            self.seen.append(type(payload[EventPayload.EXCEPTION]).__name__ if failed else "end")
            self.payloads.append(payload)

    def start_trace(self, trace_id: Any = None) -> None:
        """Not looked at."""

    def end_trace(self, trace_id: Any = None, trace_map: Any = None) -> None:
        """Not looked at."""


def shape(names: list[str]) -> list[str]:
    """Without repetitions."""
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


@pytest.mark.parametrize("way", [*WAYS, *COMPLETE])
async def test_one_call_is_one_event(build: Build, recorder: Recorder, way: str) -> None:
    callbacks = Callbacks()
    llm = build("bluenexus", callback_manager=CallbackManager([callbacks]))
    await last(llm, way, ASK if "chat" in way else QUESTION)
    kind = "LLMChat" if "chat" in way else "LLMCompletion"
    middle = [f"{kind}InProgressEvent"] if "stream" in way else []
    assert shape(recorder.names) == [f"{kind}StartEvent", *middle, f"{kind}EndEvent"]
    assert recorder.names.count(f"{kind}StartEvent") == 1
    assert callbacks.seen == ["start", "end"]
    assert callbacks.payloads[0][EventPayload.SERIALIZED]["class_name"] == "BlueNexus"
    assert llm.api_key.get_secret_value() not in str(callbacks.payloads)


class Told:
    """All that LlamaIndex tells of spans and events."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.tags: list[dict[str, Any]] = []


TOLD = Told()


class Events(BaseEventHandler):
    """Events, with what they hold."""

    def handle(self, event: Any, **kwargs: Any) -> None:
        TOLD.texts.append(repr(event))
        TOLD.tags.append(event.tags)


class Spans(BaseSpanHandler[BaseSpan]):
    """Spans, with what they hold."""

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> BaseSpan:
        TOLD.texts.append(f"{id_} {bound_args.arguments}")
        TOLD.tags.append(kwargs.get("tags") or {})
        return BaseSpan(id_=id_)

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        """Not looked at."""

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        """Not looked at."""


@pytest.fixture
def told() -> Iterator[Told]:
    root, events, spans = get_dispatcher(), Events(), Spans()
    TOLD.__init__()
    root.add_event_handler(events)
    root.add_span_handler(spans)
    yield TOLD
    root.event_handlers.remove(events)
    root.span_handlers.remove(spans)


@pytest.mark.parametrize("way", [*WAYS, *COMPLETE])
async def test_traces_name_the_dialogue_and_no_secret_of_a_call(
    build: Build, told: Told, way: str
) -> None:
    callbacks = Callbacks()
    llm = build("bluenexus", callback_manager=CallbackManager([callbacks]))
    secret = {"headers": {"X-Key": "a-secret"}, "extra_body": {"metadata": "a-secret"}}
    session = f"traced-{way}"
    await last(llm.for_session(session), way, ASK if "chat" in way else QUESTION, **secret)
    assert "a-secret" not in str((told.texts, callbacks.payloads))
    spans = [text for text in told.texts if text.startswith("BlueNexus.")]
    assert [span.startswith(f"BlueNexus.{way}-") for span in spans] == [True], "one span a call"
    assert [*filter(lambda tags: tags != {"session_id": session}, told.tags)] == []


class Leave(BaseModel):
    """Days of leave."""

    days: int


PREDICTIONS = {
    "predict": ("chat", ()),
    "stream": ("stream_chat", ()),
    "structured_predict": ("chat", (Leave,)),
    "stream_structured_predict": ("stream_chat", (Leave,)),
}


@pytest.mark.parametrize("secret_as", [None, "named", "positional"])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("way", PREDICTIONS)
async def test_a_prediction_is_one_span_around_that_of_the_llm(
    build: Build, told: Told, way: str, awaited: bool, secret_as: str | None
) -> None:
    asks, of = PREDICTIONS[way]
    secret = {"headers": {"X-Key": "a-secret"}} if of else {}
    args = (*of, PromptTemplate("{q}"), *([secret] if of and secret_as == "positional" else []))
    named = {"llm_kwargs": secret} if of and secret_as == "named" else {}
    names = [f"a{way}", f"a{asks}"] if awaited else [way, asks]
    found = getattr(build("bluenexus"), names[0])(*args, q=QUESTION, headers="?", **named)
    found = await found if awaited else found
    if way.startswith("stream"):
        _ = [piece async for piece in found] if awaited else list(found)
    spans = [text.split("-")[0] for text in told.texts if text.startswith("BlueNexus.")]
    assert spans == [f"BlueNexus.{name}" for name in names]
    assert "a-secret" not in str(told.texts)


@pytest.mark.parametrize("way", STREAMED)
async def test_an_error_in_a_stream_is_told(scripted: Build, recorder: Recorder, way: str) -> None:
    callbacks = Callbacks()
    llm = scripted(GOOD[0], callback_manager=CallbackManager([callbacks]))
    with pytest.raises(AgentError):
        await last(llm, way, ASK)
    assert shape(recorder.names)[-1] == "ExceptionEvent"
    assert "LLMChatEndEvent" not in recorder.names
    assert callbacks.seen == ["start", "StreamInterruptedError"]


@pytest.mark.parametrize("way", ["chat", "achat", "complete", "acomplete"])
async def test_an_error_of_a_call_is_told(scripted: Build, way: str) -> None:
    callbacks = Callbacks()
    llm = scripted(GOOD[0], callback_manager=CallbackManager([callbacks]))
    with pytest.raises(AgentError):
        await last(llm, way, ASK if "chat" in way else QUESTION)
    assert callbacks.seen == ["start", "StreamInterruptedError"]


@pytest.mark.parametrize("way", [*STREAMED, "stream_complete", "astream_complete"])
async def test_leaving_early_is_told_and_leaves(
    scripted: Build, server: Any, recorder: Recorder, way: str
) -> None:
    callbacks = Callbacks()
    llm = scripted(GOOD[0], "stall", callback_manager=CallbackManager([callbacks]))
    stream = getattr(llm, way)(ASK if "chat" in way else QUESTION)
    if way.startswith("a"):
        stream = await stream
        await anext(stream)
        await stream.aclose()
    else:
        next(stream)
        stream.close()
    assert await asyncio.to_thread(server.left.wait, 2)  # though the recorder keeps the exception
    assert callbacks.seen == ["start", "GeneratorExit"]
    kind = "LLMChat" if "chat" in way else "LLMCompletion"
    assert shape(recorder.names) == [
        f"{kind}StartEvent",
        f"{kind}InProgressEvent",
        "ExceptionEvent",
    ]


async def test_predict_is_one_event(build: Build, recorder: Recorder) -> None:
    llm, prompt = build("bluenexus"), PromptTemplate("{q}")
    llm.predict(prompt, q=QUESTION)
    await llm.apredict(prompt, q=QUESTION)
    one = ["LLMPredictStartEvent", "LLMChatStartEvent", "LLMChatEndEvent", "LLMPredictEndEvent"]
    assert recorder.names == [*one, *one]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
async def test_queries_are_events(
    build: Build, recorder: Recorder, streaming: bool, is_async: bool
) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = build("maiagent", callback_manager=CallbackManager([debug]))
    engine = llm.as_query_engine(streaming=streaming)
    response = await engine.aquery(QUESTION) if is_async else engine.query(QUESTION)
    assert recorder.names[0] == "QueryStartEvent"
    assert recorder.names[2 if streaming else -1] == "QueryEndEvent"
    ((start, end),) = debug.get_event_pairs(CBEventType.QUERY)
    assert start.payload == {EventPayload.QUERY_STR: QUESTION}
    assert end.payload == {EventPayload.RESPONSE: response}


@pytest.mark.parametrize("how", ["chat", "achat"])
async def test_a_chat_is_traced(build: Build, how: str) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = build("maiagent", callback_manager=CallbackManager([debug]))
    answer = getattr(llm.as_chat_engine(), how)(QUESTION)
    assert str(await answer if how == "achat" else answer)
    assert len(debug.event_pairs_by_type[CBEventType.LLM]) == 2
    assert debug._cur_trace_id == "chat"


@pytest.mark.parametrize("how", STREAMED)
@pytest.mark.parametrize(
    ("script", "end"),
    [([*GOOD, STOP, DONE], "End"), ([GOOD[0], "stall"], "End"), ([GOOD[0]], "Error")],
    ids=["read", "left", "broken off"],
)
async def test_a_streamed_chat_has_an_end_whatever_becomes_of_it(
    scripted: Build, recorder: Recorder, script: list[Any], end: str, how: str
) -> None:
    answer = getattr(scripted(*script).as_chat_engine(), how)(QUESTION)
    tokens = (await answer).async_response_gen() if how == "astream_chat" else answer.response_gen
    with suppress(AgentError):
        if how == "stream_chat":
            next(tokens)
            _ = "stall" in script or list(tokens)
            tokens.close()
        else:
            await anext(tokens)
            _ = "stall" in script or [token async for token in tokens]
            await tokens.aclose()
    told = [name for name in recorder.names if name.startswith("StreamChat")]
    assert shape(told) == [
        "StreamChatStartEvent",
        "StreamChatDeltaReceivedEvent",
        f"StreamChat{end}Event",
    ]


@pytest.mark.parametrize("way", [*WAYS, *COMPLETE])
@pytest.mark.parametrize("service", SERVICES)
async def test_tokens_are_counted_as_the_service_does_or_estimated(
    build: Build, service: str, way: str
) -> None:
    counter = TokenCountingHandler()
    llm = build(service, callback_manager=CallbackManager([counter]))
    found = await last(llm, way, ASK if "chat" in way else QUESTION)
    (event,) = counter.llm_token_counts
    usage = found.raw.get("usage")
    # No document shows usage in a stream of these two.
    silent = "stream" in way and service in ("private_ai", "bluenexus")
    assert bool(usage) == (llm.endpoint.counts and not silent)
    if usage:
        expected = (usage["prompt_tokens"], usage["completion_tokens"])
    else:
        count = TokenCounter()
        prompt = count.estimate_tokens_in_messages(ASK)
        expected = (
            prompt if "chat" in way else count.get_string_tokens(QUESTION),
            count.get_string_tokens(str(found)),
        )
    assert (event.prompt_token_count, event.completion_token_count) == expected
    assert min(expected) > 5


@pytest.mark.parametrize("way", [*STREAMED, "stream_complete", "astream_complete"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", [BlueNexus, PrivateAI, CloudBaseOpenAI])
async def test_usage_in_a_stream_is_counted_where_it_comes(
    server: RawServer, kind: Any, after: bool, way: str
) -> None:
    """On the last chunk of the answer, or on one of its own behind it, as OpenAI sends it."""
    usage = {"prompt_tokens": 150, "completion_tokens": 45, "total_tokens": 195}
    end = [STOP, frame(choices=[], usage=usage)] if after else [frame({}, "stop", usage=usage)]
    server.script = [*GOOD[:2], *end, DONE]
    counter = TokenCountingHandler()
    llm = kind(
        base_url=server.url,
        agent_id="bot-1",
        api_key="k",
        timeout=3,
        callback_manager=CallbackManager([counter]),
    )
    await last(llm, way, ASK if "chat" in way else QUESTION)
    assert counter.prompt_llm_token_count == 150
    assert counter.completion_llm_token_count == 45
