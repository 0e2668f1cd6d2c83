"""AG-UI's request, `RunAgentInput`, read as strictly as the protocol's own library reads it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from remote_agents.sandbox.files import Files, file_messages
from remote_agents.sandbox.json_types import Arguments, JsonObject
from remote_agents.sandbox.serving.wire import Refusal, short_id

ROLES = ("user", "assistant", "system", "developer", "tool", "reasoning", "activity")
Refuse = Callable[[str], Refusal]


@dataclass
class Run:
    """One accepted `RunAgentInput`.

    Args:
        thread: The thread's id, or none.
        id: The run's id.
        messages: What the thread does not know yet.
        tools: The caller's tools.
        answer: What a person said to the question that the thread waits on.
        resumes: Whether there is such an answer.
        context: What the caller tells the agent beside the dialogue.
    """

    thread: str | None
    id: str
    messages: list[JsonObject]
    tools: list[JsonObject] = field(default_factory=list)
    answer: Any = None
    resumes: bool = False
    context: list[Arguments] = field(default_factory=list)


def read_run(body: JsonObject, status: int) -> Run:
    """A request, refused with `status` if it is not a `RunAgentInput`."""

    def refuse(said: str) -> Refusal:
        return Refusal(status, said)

    thread, run = body.get("threadId"), body.get("runId")
    if not all(each is None or isinstance(each, str) for each in (thread, run)):
        raise refuse("threadId and runId must be strings")
    messages = _messages(body.get("messages"), refuse)
    tools = _texts(body, "tools", ("name", "description"), refuse)
    context = _texts(body, "context", ("description", "value"), refuse)
    if not isinstance(body.get("forwardedProps") or {}, dict):
        raise refuse("forwardedProps must be an object")
    answer, resumes = _answer(body, refuse)
    if not messages and not resumes:
        raise refuse("messages must be a non-empty array")
    run = run or f"run-{short_id()}"
    # What stands in the context, the agent reads as instructions.
    told = [{"role": "system", "content": entry["value"]} for entry in context]
    return Run(thread or None, run, messages, tools, answer, resumes, told)


def _texts(
    body: JsonObject, name: str, fields: tuple[str, str], refuse: Refuse
) -> list[JsonObject]:
    """A list of objects, each with two texts."""
    found = body.get(name) or []
    if not _are_objects(found) or not all(isinstance(e.get(f), str) for e in found for f in fields):
        raise refuse(f"{name} must be an array of objects with {' and '.join(fields)}")
    return list(found)


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _messages(value: object, refuse: Refuse) -> list[JsonObject]:
    if not isinstance(value, list):
        raise refuse("messages must be an array")
    for item in value:
        if not isinstance(item, dict) or item.get("role") not in ROLES:
            raise refuse(f"each message needs a role, one of {', '.join(ROLES)}")
        if not isinstance(item.get("id"), str):
            raise refuse("each message needs an id")
        if item["role"] == "tool" and not isinstance(item.get("toolCallId"), str):
            raise refuse("a tool message needs a toolCallId")
        content = item.get("content")
        if not (content is None or isinstance(content, str) or _are_objects(content)):
            raise refuse("the content of a message must be text or an array of parts")
    return [{**item, "content": _text(item.get("content"))} for item in value]


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def files_in(body: JsonObject) -> Files:
    """The files that messages carry as parts."""
    parts = [
        part for m in body["messages"] if isinstance(m["content"], list) for part in m["content"]
    ]
    files = [part for part in parts if part.get("type") not in (None, "text")]
    return Files(tuple(map(_name_of, files)), file_messages(map(_content_of, files)))


def _content_of(part: JsonObject) -> bytes | None:
    source = part.get("source") or {}
    try:
        return base64.b64decode(source["value"]) if source.get("type") == "data" else None
    except (KeyError, TypeError, ValueError):
        return None


def _name_of(part: JsonObject) -> str:
    named = (part.get("metadata") or {}).get("filename")
    source = part.get("source") or {}
    link = source.get("value", "") if source.get("type") == "url" else ""
    return str(named or link.rsplit("/", 1)[-1] or part["type"])


def _answer(body: JsonObject, refuse: Refuse) -> tuple[Any, bool]:
    """What a person answered: in AG-UI 1.0's `resume`, or in LangGraph's `command` before it."""
    if entries := _texts(body, "resume", ("interruptId", "status"), refuse):
        return entries[0].get("payload"), True
    command = (body.get("forwardedProps") or {}).get("command") or {}
    resume = command.get("resume") if isinstance(command, dict) else None
    return resume, resume is not None
