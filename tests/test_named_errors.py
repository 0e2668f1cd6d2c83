"""Errors name their endpoint also where nothing was sent."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_agents import AgentLLM, ChatAgent
from llamaindex_agents import RemoteAgent
from remote_agents import AgentError, AgentStatusError, ConfigurationError, MaiAgent
from remote_agents.client import Client
from remote_agents.memory import lease
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way

KEEPING = [name for name in ENDPOINT_NAMES if ENDPOINTS[name].keeps != "none"]
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
each_loop = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def way(box: Sandbox, framework: str, endpoint: str, **ways: Any) -> Way:
    return Way(framework, endpoint, **ways, **box.kwargs(endpoint), session_wait=0.1)


@each_way
@each_loop
@each_framework
@pytest.mark.parametrize("endpoint", KEEPING)
async def test_a_busy_session(
    endpoint: str,
    framework: str,
    awaited: bool,
    streamed: bool,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 60.0)  # a busy machine's pause is no reader who left
    asking = way(sandbox, framework, endpoint, streamed=streamed, awaited=awaited)
    plain = asking.model if framework == "plain" else asking.model.client
    session = f"busy-{framework}-{awaited}-{streamed}"
    sandbox.configure(word_delay=0.02)
    events = plain.stream("Count to 500", session_id=session)
    try:
        next(events)
        with pytest.raises(AgentError) as caught:
            await asking.ask("Hello", session=session)
    finally:
        events.close()
        sandbox.configure(word_delay=0.0)
    assert caught.value.endpoint == endpoint


@each_way
@each_loop
@pytest.mark.parametrize("status", [400, 200], ids=["refused", "reported"])
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_a_services_words_are_quoted_as_they_are(
    endpoint: str, status: int, awaited: bool, streamed: bool, sandbox: Sandbox
) -> None:
    asking = way(sandbox, "plain", endpoint, streamed=streamed, awaited=awaited)
    for said in ("n must be in 1..5", "no file ../a/b", "please wait...", "It is no number."):
        body = {"code": "INVALID_PARAM", "message": said}
        sandbox.fail_next(status, body=body, endpoint=endpoint)
        with pytest.raises(AgentError) as caught:
            await asking.ask("Hello")
        quoted = str(caught.value).partition(": ")[2]
        assert quoted == (said if said.endswith(".") else f"{said}.")


TOO_LONG = [
    (413, "<html><title>413 Request Entity Too Large</title></html>", True),
    (400, {"content": ["Ensure this field has no more than 4000 characters."]}, True),
    (400, {"error": {"code": "context_length_exceeded", "message": "8192 tokens at most."}}, True),
    (
        422,
        {"detail": [{"loc": ["body"], "msg": "String should have at most 4000 characters"}]},
        True,
    ),
    (200, {"error": {"message": "The input is too long."}}, True),
    (200, {"code": "INVALID_PARAM", "message": "\u4e0a\u4e0b\u6587\u8fc7\u957f"}, True),
    (400, {"message": ["content must be shorter than or equal to 4000 characters"]}, True),
    (400, {"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}, True),
    (400, {"error": {"message": "Range of input length should be [1, 30720]"}}, True),
    (
        400,
        {"code": "INVALID_PARAM", "message": "\u8f93\u5165\u957f\u5ea6\u8d85\u8fc7\u9650\u5236"},
        True,
    ),
    (400, {"error": {"message": "It took too long."}}, False),
    (400, {"error": {"message": "Reading the message took too long."}}, False),
    (400, {"error": {"message": "The session was idle for too long."}}, False),
    (400, {"message": "message id is too long"}, False),
    (200, {"error": {"message": "The model is taking too long to respond"}}, False),
    (400, {"code": "INVALID_PARAM", "message": "\u54cd\u5e94\u65f6\u95f4\u8fc7\u957f"}, False),
    (400, {"code": "INVALID_PARAM", "message": "\u540d\u79f0\u8fc7\u957f"}, False),
    (400, {"message": "sessionId is too long"}, False),
    (400, {"error": {"code": "user_id_too_long", "message": "Refused."}}, False),
    (400, {"user_name": ["Ensure this field has no more than 64 characters."]}, False),
    (422, {"detail": [{"loc": ["id"], "msg": "String should have at most 64 characters"}]}, False),
    (200, {"error": {"message": "Too many tokens, please wait before trying again."}}, False),
]


@each_way
@each_loop
@pytest.mark.parametrize(("status", "body", "told"), TOO_LONG)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_what_is_too_long_is_to_be_shortened(
    endpoint: str,
    status: int,
    body: Any,
    told: bool,
    awaited: bool,
    streamed: bool,
    sandbox: Sandbox,
) -> None:
    asking = way(sandbox, "plain", endpoint, streamed=streamed, awaited=awaited)
    sandbox.fail_next(status, body=body, endpoint=endpoint)
    with pytest.raises(AgentError) as caught:
        await asking.ask("Hello")
    assert ("trim_messages" in str(caught.value)) is told


@pytest.mark.parametrize("status", [413, 400])
def test_a_file_is_not_to_be_shortened(status: int, sandbox: Sandbox) -> None:
    client = MaiAgent(**sandbox.kwargs("maiagent"))
    body = {"filename": ["Ensure this field has no more than 255 characters."]}
    sandbox.fail_next(status, body=body, endpoint="maiagent", match="attachments")
    with pytest.raises(AgentStatusError, match="255") as caught:
        client.attachments.upload(b"a", filename="a.txt")
    assert "trim_messages" not in str(caught.value)
    assert not caught.value.too_long


@each_way
@each_framework
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_an_empty_prompt(endpoint: str, framework: str, streamed: bool, sandbox: Sandbox) -> None:
    model = way(sandbox, framework, endpoint, streamed=streamed, awaited=False).model
    names = {"plain": ("ask", "stream"), "langchain": ("invoke", "stream")}
    ask = getattr(model, names.get(framework, ("chat", "stream_chat"))[streamed])
    with pytest.raises(AgentError) as caught:
        list(ask([]))
    assert caught.value.endpoint == endpoint
    assert sandbox.requests(endpoint) == []


@pytest.mark.parametrize("given", [{}, {"api_key": "k"}, {"foo": 1}])
@pytest.mark.parametrize("base", [Client, ChatAgent, AgentLLM, RemoteAgent])
def test_the_base_of_the_classes_names_them(base: Any, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="base of the services' classes"):
        base(**given)
