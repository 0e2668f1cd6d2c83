"""AG-UI's request, `RunAgentInput`, read as strictly as the protocol's own library reads it."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from remote_agents.sandbox.files import Files, file_messages
from remote_agents.sandbox.json_types import Arguments, JsonObject
from remote_agents.sandbox.run_schema import RunAgentInput, RunAgentInputBefore
from remote_agents.sandbox.serving.wire import short_id


@dataclass
class Run:
    """One accepted `RunAgentInput`.

    Args:
        thread: The thread's id.
        id: The run's id.
        messages: What the thread does not know yet.
        tools: The caller's tools.
        answer: What a person said to the question that the thread waits on.
        resumes: Whether there is such an answer.
        context: What the caller tells the agent beside the dialogue.
        parts: The parts of its messages.
    """

    thread: str
    id: str
    messages: list[JsonObject]
    tools: list[JsonObject] = field(default_factory=list)
    answer: Any = None
    resumes: bool = False
    context: list[Arguments] = field(default_factory=list)
    parts: list[JsonObject] = field(default_factory=list)

    @property
    def ids(self) -> JsonObject:
        """Its own id and its thread's, as events name them."""
        return {"threadId": self.thread, "runId": self.id}


def read_run(body: object, schema: type[RunAgentInput | RunAgentInputBefore]) -> Run:
    """A request that its schema fits.

    Raises:
        ValidationError: It does not.
    """
    known = schema.model_validate(body)
    said = known.model_dump(by_alias=True, exclude_unset=True)
    messages = [{**item, "content": _text(item.get("content"))} for item in said["messages"]]
    entries = said.get("resume") if schema is RunAgentInput else None
    payload, resumes = (entries[0].get("payload"), True) if entries else _command(said)
    # What stands in the context, the agent reads as instructions.
    told = [{"role": "system", "content": each["value"]} for each in said.get("context") or ()]
    return Run(
        thread=known.thread_id or f"thread-{short_id()}",
        id=known.run_id or f"run-{short_id()}",
        messages=messages,
        tools=said.get("tools") or [],
        answer=payload,
        resumes=resumes,
        context=told,
        parts=[part for item in said["messages"] for part in _parts(item.get("content"))],
    )


def _command(said: JsonObject) -> tuple[Any, bool]:
    """What a person answered in LangGraph's `command`, as before AG-UI 1.0."""
    command = (said.get("forwardedProps") or {}).get("command")
    resume = command.get("resume") if isinstance(command, dict) else None
    return resume, resume is not None


def _parts(content: object) -> list[JsonObject]:
    return content if isinstance(content, list) else []


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else ""


def files_of(run: Run) -> Files:
    """The files that messages carry as parts."""
    files = [part for part in run.parts if part["type"] != "text"]
    return Files(tuple(map(_name_of, files)), file_messages(map(_content_of, files)))


def _content_of(part: JsonObject) -> bytes | None:
    source = part.get("source") or {}
    with suppress(ValueError):
        return base64.b64decode(source["value"]) if source.get("type") == "data" else None
    return None


def _name_of(part: JsonObject) -> str:
    about, source = part.get("metadata"), part.get("source") or {}
    named = about.get("filename") if isinstance(about, dict) else None
    link = source["value"] if source.get("type") == "url" else ""
    return str(named or link.rsplit("/", 1)[-1] or part["type"])
