"""Any A2A agent as a service of one's own: https://a2a-protocol.org, version 1.0, over JSON-RPC.

python a2a_agent.py http://127.0.0.1:9999 "How long is parental leave?"
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

from langchain_agents import ChatAgent
from llamaindex_agents import RemoteAgent
from remote_agents.client import Client
from remote_agents.errors import RemoteFailureError
from remote_agents.flow import Answer, Call, Flow, IfLeft, Request, Sleep, Stream
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.service import Endpoint
from remote_agents.settings import Settings
from remote_agents.types import Event, Info, Interrupt, Reply, TextDelta, Turn, Update
from remote_agents.wire.json import items, mapping, text

PAUSE = 1.0  # seconds between two looks at a task
WORKING = ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING")
WAITING = ("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED")


def turn(asked: Turn) -> Flow[Reply]:
    """One turn: a message, whose answer is a task or a message; what is left is cancelled."""
    message: JsonObject = {"messageId": uuid4().hex, "role": "ROLE_USER"}
    message["parts"] = [{"text": _said(asked)}]
    if asked.conversation_id:
        message["contextId"] = asked.conversation_id
    if asked.interrupts:
        message["taskId"] = asked.interrupts[0].id
    task = ""

    def cancel(so_far: Reply) -> Request | None:
        known = so_far.reply_id or task
        return _call("CancelTask", {"id": known}) if known else None

    yield IfLeft(cancel)
    if asked.stream:
        request = _call("SendStreamingMessage", {"message": message}, stream=True)
        streamed: Reply = yield Stream(request, decode, asked.conversation_id)
        return streamed
    told = yield Call(_call("SendMessage", {"message": message}), asks=True)
    while _state(told.data) in WORKING:
        task = text(_result(told.data, "task").get("id"))
        yield Sleep(PAUSE)
        told = yield Call(_call("GetTask", {"id": task}, safe=True))
    whole: Reply = yield Answer(told, decode)
    return whole


def decode(data: Any, so_far: Reply) -> list[Event]:
    """What a frame, or a whole answer, says of a task; or the only message of an answer."""
    if told := _result(data, "message"):
        known = Info(conversation_id=text(told.get("contextId")), finish_reason="stop")
        return [TextDelta(_text(told)), known]
    if told := _result(data, "artifactUpdate"):
        apart = so_far.text and not told.get("append")
        return [TextDelta("\n\n" * bool(apart) + _text(told.get("artifact")))]
    task = _result(data, "task") or _result(data, "statusUpdate")
    task_id = text(task.get("id") or task.get("taskId"))
    said = "\n\n".join(map(_text, items(task.get("artifacts"))))
    known = Info(conversation_id=text(task.get("contextId")), reply_id=task_id)
    spoken = [TextDelta(said)] if said and not so_far.text else []  # the last may have it all again
    return [known, *spoken, *_status(task, task_id, bool(said or so_far.text))]


def _status(task: JsonMapping, task_id: str, answered: bool) -> Iterator[Event]:
    """How far a task is: what is said beside an answer is only shown on the way."""
    status = mapping(task.get("status"))
    state, said = text(status.get("state")), _text(status.get("message"))
    if state in WORKING:
        yield Update("status", {"state": state, "message": said})
    elif state in WAITING:
        yield Interrupt(id=task_id, question=said, value=status)
        yield Info(finish_reason="interrupt")
    elif state == "TASK_STATE_COMPLETED":
        if said and not answered:
            yield TextDelta(said)
        yield Info(finish_reason="stop")
    else:
        conversation_id = text(task.get("contextId"))
        raise RemoteFailureError(said or state, conversation_id=conversation_id)


def _call(method: str, params: Any, *, stream: bool = False, safe: bool = False) -> Request:
    body = {"jsonrpc": "2.0", "id": uuid4().hex, "method": method, "params": params}
    headers = {"A2A-Version": "1.0"}
    return Request("POST", "/", json=body, headers=headers, stream=stream, safe=safe)


def _said(asked: Turn) -> str:
    """The new message, or what a person answered to a task that waits for one."""
    answer = asked.options.get("resume")
    if answer is None:
        return asked.messages[-1].content
    return answer if isinstance(answer, str) else json.dumps(answer)


def _result(data: Any, kind: str) -> JsonMapping:
    """The task, message or update of a response; what `GetTask` gives is the task itself."""
    result = mapping(mapping(data).get("result"))
    return result if kind == "task" and "status" in result else mapping(result.get(kind))


def _state(data: Any) -> str:
    return text(mapping(_result(data, "task").get("status")).get("state"))


def _text(holder: Any) -> str:
    return "".join(text(mapping(part).get("text")) for part in items(mapping(holder).get("parts")))


ENDPOINT = Endpoint(
    name="a2a",
    title="A2A",
    document="https://a2a-protocol.org/v1.0.0/specification",
    env="A2A",
    turn=turn,
    decode=decode,
    key_optional=True,
    default_agent_id="agent",
    agent_in_address=True,
    keeps="handed",
    roles=frozenset({"user"}),
    history=False,
    tools=True,
    counts=False,
    conversation_word="context",
)


class A2ASettings(Settings):
    """What a constructor takes: `base_url` is the agent's JSON-RPC address."""

    endpoint: ClassVar[Endpoint] = ENDPOINT


class A2A(A2ASettings, Client):
    """An A2A agent without a framework."""


class ChatA2A(A2ASettings, ChatAgent):
    """An A2A agent as a LangChain chat model."""


class A2AAgent(A2ASettings, RemoteAgent):
    """An A2A agent as a LlamaIndex LLM."""


if __name__ == "__main__":
    for chunk in ChatA2A(base_url=sys.argv[1]).stream(sys.argv[2]):
        print(chunk.text, end="", flush=True)
