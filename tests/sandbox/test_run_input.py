"""What AG-UI agents take and refuse, as `ag-ui-langgraph` and Tencent's own server were seen to."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.calls import Caller, user

AGENTS = {"ag_ui": "handbook", "cloudbase": "agent-handbook"}
USER = {"id": "1", **user("Hi")}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"id": "2", "role": "assistant", "toolCalls": [CALL]}
RESULT = {"id": "3", "role": "tool", "content": "7", "toolCallId": "c1"}
IMAGE = {"type": "image", "source": {"type": "url", "value": "https://x/y.png"}}


def said(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages)}


def part(**fields: Any) -> dict[str, Any]:
    return said({**USER, "content": [fields]})


def called(**changed: Any) -> dict[str, Any]:
    return said(USER, {**CALLED, "toolCalls": [{**CALL, **changed}]}, RESULT)


REFUSED_BY_ALL = {
    "no content": said({"id": "1", "role": "user"}),
    "content is null": said({**USER, "content": None}),
    "a text without text": part(type="text"),
    "an unknown part": part(type="zzz", text="Hi"),
    "a part without a type": part(text="Hi"),
    "a name that is a number": said({**USER, "name": 5}),
    "the answer in parts": said({"id": "1", "role": "assistant", "content": [{"type": "text"}]}),
    "arguments as an object": called(function={"name": "f", "arguments": {}}),
    "a call of nothing": called(function=None),
    "another kind of call": called(type="zzz"),
    "a result of null": said(USER, CALLED, {**RESULT, "content": None}),
    "a result of no call": said(USER, {"id": "3", "role": "tool", "content": "7"}),
    "an instruction of null": said({"id": "1", "role": "system", "content": None}, USER),
    "an activity in words": said({"id": "1", "role": "activity", "content": "x"}, USER),
    "tools that are a text": {**said(USER), "tools": ""},
    "a context that is a text": {**said(USER), "context": ""},
    "a parent that is a number": {**said(USER), "parentRunId": 5},
    "a sealed value that is a number": said({**USER, "encryptedValue": 5}),
    "a call's sealed value that is an object": called(encryptedValue={}),
}
REFUSED = {
    "ag_ui": {
        "no thread": {**said(USER), "threadId": None},
        "no run": {**said(USER), "runId": None},
        "a message without id": said(user("Hi")),
        "a file of before 1.0": part(type="binary", mimeType="image/png", url="https://x/y.png"),
        "a file without a source": part(type="image"),
        "a status that there is not": {
            **said(USER),
            "resume": [{"interruptId": "i", "status": "zzz"}],
        },
        "what an answer was issued with in words": {
            **said(USER),
            "resume": [{"interruptId": "i", "status": "cancelled", "metadata": "x"}],
        },
    },
    "cloudbase": {
        "a file of 1.0": said({**USER, "content": [IMAGE]}),
        "a file of nothing": part(type="binary", mimeType="image/png"),
        "a result in parts": said(USER, CALLED, {**RESULT, "content": [{"type": "text"}]}),
        "a tool without parameters": {**said(USER), "tools": [{"name": "f", "description": "d"}]},
        "tools that are null": {**said(USER), "tools": None},
    },
}
TAKEN_BY_ALL = {
    "an answer without content": said(USER, CALLED, RESULT, {"id": "4", **user("Hi")}),
    "names in snake case": said(
        USER,
        {"id": "2", "role": "assistant", "content": None, "tool_calls": [CALL]},
        {"id": "3", "role": "tool", "content": "7", "tool_call_id": "c1"},
        {"id": "4", **user("Hi")},
    ),
    "odd parameters": {
        **said({**USER, "content": "Use f."}),
        "tools": [{"name": "f", "description": "d", "parameters": {"properties": ["x"]}}],
    },
    "fields that nobody knows": {**said({**USER, "zz": 1}), "zz": [1]},
}
TAKEN = {
    "ag_ui": {
        "a file": said({**USER, "content": [{"type": "text", "text": "Hi"}, IMAGE]}),
        "a file that its provider holds": part(
            type="document", source={"type": "file", "value": "file-1", "provider": "openai"}
        ),
        "what is told of it as a text": said({**USER, "content": [{**IMAGE, "metadata": "x"}]}),
        "a result in parts": said(
            USER, CALLED, {**RESULT, "content": [IMAGE]}, {"id": "4", **user("Hi")}
        ),
        "no tools": {**said(USER), "tools": None, "context": None},
    },
    "cloudbase": {
        "a message without id": said(user("Hi")),
        "a file": part(type="binary", mimeType="image/png", url="https://x/y.png"),
    },
}


def cases(of_all: dict[str, Any], of_one: dict[str, dict[str, Any]]) -> list[Any]:
    return [
        pytest.param(endpoint, body, id=f"{endpoint}-{name}")
        for endpoint in AGENTS
        for name, body in {**of_all, **of_one[endpoint]}.items()
    ]


def post(call: Caller, endpoint: str, body: dict[str, Any], **headers: str) -> Any:
    path = call.path(endpoint, AGENTS[endpoint])
    ids = {"threadId": str(uuid.uuid4()), "runId": "r"}
    headers = {**call.headers(endpoint), **headers}
    return call.http.post(path, json={**ids, **body}, headers=headers)


@pytest.mark.parametrize(("endpoint", "body"), cases(REFUSED_BY_ALL, REFUSED))
def test_what_is_no_run_is_refused(call: Caller, endpoint: str, body: dict[str, Any]) -> None:
    reply = post(call, endpoint, body)
    assert reply.status_code == (422 if endpoint == "ag_ui" else 400), reply.text
    assert call.box.turns() == []
    if endpoint == "ag_ui":
        assert {"type", "loc", "msg"} <= reply.json()["detail"][0].keys()
        assert reply.json()["detail"][0]["loc"][0] == "body"
    else:
        assert reply.json()["error"]["code"] == "INVALID_REQUEST"
        assert reply.json()["error"]["message"].startswith("Invalid field '")
        assert reply.json().keys() == {"error", "requestId"}


@pytest.mark.parametrize(("endpoint", "body"), cases(TAKEN_BY_ALL, TAKEN))
def test_what_is_a_run_is_taken(call: Caller, endpoint: str, body: dict[str, Any]) -> None:
    reply = post(call, endpoint, body)
    assert reply.status_code == 200, reply.text
    assert "RUN_FINISHED" in reply.text


def test_json_is_called_json(call: Caller) -> None:
    for kind, status in {"text/plain": 422, "application/vnd.a+json": 200}.items():
        headers = {"content-type": kind}
        assert post(call, "ag_ui", said(USER), **headers).status_code == status


def test_a_thread_without_a_name_is_kept_under_the_one_that_is_told(call: Caller) -> None:
    reply = post(call, "cloudbase", {**said(USER), "threadId": None})
    (thread,) = {word for word in reply.text.split('"') if word.startswith("thread-")}
    assert post(call, "cloudbase", {**said(USER), "threadId": thread}).status_code == 200
    assert call.box.conversation("cloudbase", thread)
