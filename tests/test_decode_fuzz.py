"""Any JSON in any field: an event or a typed error, never another exception."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from remote_agents import AgentError, AgentStatusError
from remote_agents.agent import Agent
from remote_agents.services import ENDPOINTS
from remote_agents.types import Event, Reply, TextDelta
from remote_agents.wire.failures import body_failure, request_id, retry_after, status_error
from remote_agents.wire.frames import classify
from remote_agents.wire.reader import Reader
from remote_agents.wire.sse import Frame

pytestmark = pytest.mark.filterwarnings("ignore::remote_agents.EmptyAnswerWarning")

# Frames and bodies as the services send them; the fuzz puts other values into their fields.
OPENAI = [
    {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "a", "reasoning_content": "b"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    },
    {"choices": [{"index": 1, "message": {"content": "a"}, "finish_reason": "stop"}]},
    {"conversationId": "c", "choices": [{"delta": {}, "finish_reason": "error"}]},
]
MESSAGES = [
    {"id": "u", "role": "user", "content": "q"},
    {"id": "m", "role": "assistant", "content": [{"type": "text", "text": "a"}]},
    {"id": "n", "role": "assistant", "toolCalls": [{"id": "t", "function": {"name": "n"}}]},
    {"id": "o", "role": "tool", "toolCallId": "t", "content": "c"},
    {"id": "p", "role": "reasoning", "content": "h"},
]
WAITING = {"type": "interrupt", "interrupts": [{"id": "i", "reason": "r", "toolCallId": "t"}]}
AG_UI: list[dict[str, Any]] = [
    {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
    {"type": "TEXT_MESSAGE_START", "messageId": "m"},
    {"type": "TEXT_MESSAGE_START", "messageId": "u", "role": "user"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "a"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "n", "delta": "a"},
    {"type": "TEXT_MESSAGE_CHUNK", "messageId": "c", "role": "assistant", "delta": "a"},
    {"type": "TEXT_MESSAGE_END", "messageId": "m"},
    {"type": "THINKING_TEXT_MESSAGE_CONTENT", "delta": "a"},
    {"type": "REASONING_MESSAGE_CHUNK", "messageId": "h", "delta": "a"},
    {"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "n", "parentMessageId": "m"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": "{"},
    {"type": "TOOL_CALL_CHUNK", "toolCallId": "s", "toolCallName": "n", "delta": "{}"},
    {"type": "TOOL_CALL_CHUNK", "delta": "{}"},
    {"type": "TOOL_CALL_END", "toolCallId": "t"},
    {"type": "TOOL_CALL_RESULT", "toolCallId": "t", "content": "c"},
    {"type": "STATE_SNAPSHOT", "snapshot": {"messages": [], "n": [1]}},
    {"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/n/0", "value": 2}]},
    {"type": "MESSAGES_SNAPSHOT", "messages": MESSAGES},
    {"type": "STEP_STARTED", "stepName": "s"},
    {"type": "CUSTOM", "name": "on_interrupt", "value": '{"question": "q"}', "rawEvent": "i"},
    {"type": "RUN_FINISHED", "threadId": "t"},
    {"type": "RUN_FINISHED", "outcome": WAITING, "usage": [{"model": "m", "inputTokens": 1}]},
    {"type": "RUN_FINISHED", "outcome": "interrupt", "interrupt": {"id": "i", "payload": {}}},
    {"type": "RUN_ERROR", "message": "m", "code": "c"},
]
SAMPLES: dict[str, list[dict[str, Any]]] = {
    **dict.fromkeys(ENDPOINTS, OPENAI),
    "ag_ui": AG_UI,
    "cloudbase_openai": [*OPENAI, *AG_UI],
    "private_ai": [
        *OPENAI,
        {
            "choices": [],
            "session_id": "s",
            "index_context_info": [{"text": "t", "metadata": {"score": 1, "origin_ref": "r"}}],
            "references": [{"text": "t"}],
        },
    ],
    "maiagent": [
        {"conversationId": "c", "content": "a", "done": False},
        {
            "content": "ab",
            "done": True,
            "citations": [{"filename": "f", "file": "u", "id": "i"}],
            "citationNodes": [{"chatbotTextNode": {"text": "t", "id": "i"}, "score": 0.1}],
        },
        {"detail": "gone"},
    ],
    "cloudbase": [
        *OPENAI,
        {"type": "text", "record_id": "r", "content": "a", "finish_reason": "continue"},
        {"type": "text", "content": "a", "search_info": {"search_results": [{"title": "t"}]}},
        {"type": "text", "content": "a", "knowledge_base": ["a"], "knowledge_meta": []},
        {"type": "thinking", "reasoning_content": "a", "usage": {"promptTokens": 1}},
        {"type": "search", "search_info": {"search_results": [{"index": "[1]", "title": "t"}]}},
        {"type": "knowledge", "knowledge_base": ["a"], "knowledge_meta": [{"fileName": "f"}]},
        {"type": "db", "search_results": {"relateTables": 1}},
        {"type": "tool-call", "tool_call": {"id": "i", "function": {"name": "n", "arguments": {}}}},
        {"type": "tool-result", "toolCallId": "i", "toolName": "n", "args": {}, "result": 1},
        {"type": "step-finish", "finish_reason": "stop"},
        {"type": "finish", "finish_reason": "stop", "usage": {}},
        {"type": "error", "finish_reason": "error", "error": {"name": "n", "message": "m"}},
        *AG_UI,
    ],
}
SETTINGS: dict[str, dict[str, str]] = {
    **{name: {"agent_id": "a"} for name in ENDPOINTS},
    "ag_ui": {"base_url": "https://h/agent"},
    "bluenexus": {},
    "private_ai": {"agent_id": "a", "base_url": "https://h"},
    "cloudbase": {"agent_id": "bot-1", "env_id": "e"},
    "cloudbase_openai": {"agent_id": "bot-1", "env_id": "e"},
}
AGENTS = {
    name: Agent(endpoint, api_key="k", **SETTINGS[name]) for name, endpoint in ENDPOINTS.items()
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "stop", "continue", "error", "[1]", "\ud83d", "http://a", "{", "0x"])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def spoiled(draw: st.DrawFn, endpoint: str) -> Any:
    """A frame of the service with any value in some place of it, or any value at all."""
    frame = draw(st.sampled_from([*SAMPLES[endpoint], None]))
    return draw(json_values) if frame is None else _spoil(draw, frame)


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 5)) == 0:
        return draw(json_values)
    if isinstance(value, Mapping):
        return {key: _spoil(draw, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spoil(draw, item) for item in value]
    return value


@pytest.mark.fuzz
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(data=st.data())
def test_decode(endpoint: str, data: st.DataObject) -> None:
    reply = AGENTS[endpoint].new_reply()
    for _ in range(3):
        try:
            events = ENDPOINTS[endpoint].decode(data.draw(spoiled(endpoint)), reply)
        except AgentError:
            return
        for event in events:
            assert isinstance(event, Event)
            reply.add(event)
    assert_sound(reply)


def assert_sound(reply: Reply) -> None:
    """What callers rely on, whatever the service said."""
    assert isinstance(reply.text, str)
    assert isinstance(reply.reasoning, str)
    for name in ("conversation_id", "reply_id", "model", "finish_reason"):
        assert getattr(reply, name) is None or isinstance(getattr(reply, name), str), name
    assert reply.usage is None or min(reply.usage.input_tokens, reply.usage.total_tokens) >= 0
    assert all(isinstance(alternative, str) for alternative in reply.alternatives)


@st.composite
def frames(draw: st.DrawFn, endpoint: str) -> Frame:
    name = draw(st.sampled_from([None, None, None, "error", "ping", "message"]))
    value = draw(
        spoiled(endpoint)
        | spoiled(endpoint)
        | st.sampled_from([b"[DONE]", b"ping", b"", b"text", b"{"])
    )
    return name, value


@pytest.mark.fuzz
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(data=st.data())
def test_the_whole_pipeline(endpoint: str, data: st.DataObject) -> None:
    agent = AGENTS[endpoint]
    stop = data.draw(st.sampled_from([(), ("a",), ("ab", "}")]))
    reader = Reader(
        ENDPOINTS[endpoint].decode,
        agent.new_reply(),
        agent.endpoint,
        context=agent.context,
        stop=stop,
    )
    reader.sse.has_halves = True  # of surrogate pairs, which the values here hold
    shown: list[Event] = []
    whole, bug = True, None
    try:
        shown += reader.take_classified(classify(data.draw(st.lists(frames(endpoint), max_size=6))))
        reader.check()
        shown += reader.finish()
    except AgentError as error:
        whole, bug = False, error.__cause__
    assert bug is None, "the decoder failed"
    assert_sound(reader.reply)
    text = "".join(event.text for event in shown if isinstance(event, TextDelta))
    assert reader.reply.text.startswith(text)
    assert text == reader.reply.text or not whole  # a broken answer's end may be held back
    text.encode()  # a lone half of a surrogate pair could not be printed, stored or sent on


@pytest.mark.fuzz
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(data=st.data())
def test_a_whole_body(endpoint: str, data: st.DataObject) -> None:
    agent = AGENTS[endpoint]
    reader = Reader(
        ENDPOINTS[endpoint].decode, agent.new_reply(), agent.endpoint, context=agent.context
    )
    bug = None
    try:
        reader.take_whole(data.draw(spoiled(endpoint)))
        reader.finish()
    except AgentError as error:
        bug = error.__cause__
    assert bug is None, "the decoder failed"
    assert_sound(reader.reply)


ERRORS: list[dict[str, Any]] = [
    {"code": "INVALID_CREDENTIALS", "message": "Credentials are invalid", "requestId": "r"},
    {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]},
    {"error": {"message": "m", "code": "c", "type": "t"}},
    {"statusCode": 429, "message": ["a", "b"], "error": "Too Many Requests"},
    {"field": ["msg"], "nonFieldErrors": ["x"]},
]


@pytest.mark.fuzz
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(data=st.data())
def test_error_bodies(endpoint: str, data: st.DataObject) -> None:
    context = AGENTS[endpoint].context
    body = _spoil(data.draw, data.draw(st.sampled_from(ERRORS)))
    status = data.draw(st.integers(300, 599))
    headers = {"retry-after": data.draw(st.text(max_size=8)), "location": "x"}
    error = status_error(status, headers, body, context=context)
    assert isinstance(error, AgentStatusError)
    assert isinstance(str(error), str)
    assert error.code is None or isinstance(error.code, str)
    for whole in (True, False):
        failure = body_failure(body, context=context, whole=whole)
        assert failure is None or isinstance(failure, AgentError)
    assert request_id({}, (), body) is None or isinstance(request_id({}, (), body), str)


@pytest.mark.fuzz
@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"))
def test_retry_after(value: str) -> None:
    seconds = retry_after({"retry-after": value})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "soon", ""])
def test_no_number_of_seconds_is_none(value: str) -> None:
    assert retry_after({"retry-after": value}) is None
