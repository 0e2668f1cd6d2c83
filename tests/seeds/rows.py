"""What a row of the table of documented fields is, and how it is tried on each face.

A *face* is the plain client, LangChain's chat model, or LlamaIndex's LLM. A row knows, for each, by
which argument a field goes in, or by which attribute it comes out; `try_on` does it and looks.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

from remote_agents import AgentError, Attachment
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, NAMES, Answer, Way, make
from tests.raw_server import CLOSE, JSON, head, serving
from tests.resources.calls import Way as Calls
from tests.resources.operation import Operation

QUESTION = "How many vacation days do I get?"
CLASSES = {"plain": "{}", "langchain": "Chat{}", "llamaindex": "{}"}


@dataclass(frozen=True)
class Row:
    """One field, header, status, limit or operation of a seed document.

    Args:
        document: Which of the documents.
        field: The line that names it.
        cells: What a user of each face writes or reads, or why there is nothing.
    """

    document: str
    field: str
    cells: Mapping[str, str]

    @property
    def id(self) -> str:
        return f"{self.document} {self.field}"

    async def try_on(self, face: str, box: Sandbox) -> None:
        """Do it on one face, and look whether it is so."""


def everywhere(cell: str) -> dict[str, str]:
    return dict.fromkeys(FRAMEWORKS, cell)


async def asked(face: str, endpoint: str, call: Mapping[str, Any], **settings: Any) -> Answer:
    """One whole answer, with arguments of the call."""
    way = Way(face, endpoint, streamed=False, awaited=False, **settings)
    if not call:
        return await way.ask(QUESTION)
    shape = way._shape
    return shape.answer(getattr(way.model, shape.call)([way.question(QUESTION)], **call))


@dataclass(frozen=True)
class Sent(Row):
    """A field of the request: an argument of the constructor, or of the call.

    Args:
        endpoint: The service.
        path: Where it stands in the body, with dots; or `path` or `header`.
        settings: Arguments of the constructor.
        call: Arguments of the call.
        value: What must stand there; anything, if it is None.
    """

    endpoint: str = ""
    path: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None

    async def try_on(self, face: str, box: Sandbox) -> None:
        await asked(
            face, self.endpoint, self.call, **{**box.kwargs(self.endpoint), **self.settings}
        )
        (request,) = [r for r in box.requests(self.endpoint) if r["body"] and is_turn(r)][-1:]
        found = request["path"] if self.path == "path" else at(request["body"], self.path)
        assert found not in (None, ""), f"{self.field} was not sent"
        if self.value is not None:
            assert (self.value in found) if self.path == "path" else found == self.value


def is_turn(request: Mapping[str, Any]) -> bool:
    return request["path"].split("?")[0].rstrip("/").endswith(("send-message", "completions"))


def at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@dataclass(frozen=True)
class Continued(Row):
    """The field by which a conversation goes on.

    Args:
        endpoint: The service.
        name: Its name in the body.
    """

    endpoint: str = ""
    name: str = ""

    async def try_on(self, face: str, box: Sandbox) -> None:
        settings = box.kwargs(self.endpoint)
        first = await asked(face, self.endpoint, {"memory": "server"}, **settings)
        id_ = first.metadata["conversation_id"]
        await asked(face, self.endpoint, {"conversation_id": id_}, **settings)
        assert box.requests(self.endpoint)[-1]["body"][self.name] == id_


@dataclass(frozen=True)
class Earlier(Row):
    """The fields that hold what was said before.

    Args:
        endpoint: The service.
        name: Their list's name in the body.
    """

    endpoint: str = ""
    name: str = ""

    async def try_on(self, face: str, box: Sandbox) -> None:
        settings = {**box.kwargs(self.endpoint), "memory": "client"}
        way = Way(face, self.endpoint, streamed=False, awaited=False, **settings)
        first = await way.ask(QUESTION)
        await way.ask("And part-time?", [way.question(QUESTION), first.message])
        said = box.requests(self.endpoint)[-1]["body"][self.name]
        assert [(each["role"], each["content"]) for each in said[:2]] == [
            ("user", QUESTION),
            ("assistant", first.text),
        ]


@dataclass(frozen=True)
class Attached(Row):
    """A field of a file that goes with the message.

    Args:
        name: Its name.
        value: What must stand there; anything, if it is None.
    """

    name: str = ""
    value: Any = None

    async def try_on(self, face: str, box: Sandbox) -> None:
        model = make(face, "maiagent", **box.kwargs("maiagent"))
        if face == "plain":
            file = Attachment("image", data=PIXEL, filename="plan.png", mime_type="image/png")
            model.ask(QUESTION, attachments=[file])
        elif face == "langchain":
            encoded = base64.b64encode(PIXEL).decode()
            extras = {"filename": "plan.png"}
            block = {"type": "image", "base64": encoded, "mime_type": "image/png", "extras": extras}
            model.invoke([HumanMessage([{"type": "text", "text": QUESTION}, block])])
        else:
            blocks = [TextBlock(text=QUESTION), ImageBlock(image=PIXEL)]
            model.chat([ChatMessage(role="user", blocks=blocks)])
        (file,) = box.requests("maiagent")[-1]["body"]["message"]["attachments"]
        assert file[self.name] if self.value is None else file[self.name] == self.value


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True)
class Told(Row):
    """A field of the answer, in the document's own example.

    Args:
        endpoint: The service.
        body: The whole answer, or the frames of a stream.
        key: What is read: see `read`.
        value: What must be read.
        headers: Lines of the response's head.
    """

    endpoint: str = ""
    body: Any = None
    key: str = ""
    value: Any = None
    headers: tuple[str, ...] = ()

    async def try_on(self, face: str, box: Sandbox) -> None:
        with serving(answered(self.body, self.headers)) as server:
            settings = {"base_url": server.url, "agent_id": "bot", "api_key": "key"}
            way = Way(
                face, self.endpoint, streamed=isinstance(self.body, list), awaited=False, **settings
            )
            answer = await way.ask(QUESTION)
        assert read(face, answer, self.key) == self.value


def answered(body: Any, headers: tuple[str, ...]) -> list[Any]:
    if isinstance(body, list):
        lines = [f"data: {json.dumps(frame)}\n\n" for frame in body]
        text = "".join([*lines, "data: [DONE]\n\n"]).encode()
        return [head("text/event-stream", "200 OK", *headers), text, CLOSE]
    raw = json.dumps(body).encode()
    return [head(JSON, "200 OK", *headers, length=len(raw)), raw]


USAGE = {
    "input": ("input_tokens", "input_tokens", "prompt_tokens"),
    "output": ("output_tokens", "output_tokens", "completion_tokens"),
    "total": ("total_tokens", "total_tokens", "total_tokens"),
}


def read(face: str, answer: Answer, key: str) -> Any:
    """What a key means on a face: `text`, `usage.input`, `citation.url`, else of the metadata."""
    kind, _, name = key.partition(".")
    message, place = answer.message, FRAMEWORKS.index(face)
    if kind == "text":
        return answer.text
    if kind == "usage":
        if face == "plain":
            return getattr(message.usage, USAGE[name][0])
        counts = message.usage_metadata if face == "langchain" else answer.metadata["usage"]
        return counts[USAGE[name][place]]
    if kind in ("citation", "reasoning") and face == "plain":
        return getattr(message.citations[0], name) if name else message.reasoning
    if kind == "citation":
        return message.additional_kwargs["citations"][0].get(name)
    if kind == "reasoning":
        extra = message.additional_kwargs
        return extra["reasoning_content" if face == "langchain" else "reasoning"]
    return answer.metadata[kind][name] if name else answer.metadata[kind]


CELLS = {
    "text": ("reply.text", "message.text", "message.content"),
    "usage": ("reply.usage", "message.usage_metadata", 'additional_kwargs["usage"]'),
    "citation": ("reply.citations", "annotations of the text block", "CitationBlock"),
    "reasoning": ("reply.reasoning", "a reasoning block", "ThinkingBlock"),
}


def cells_of(key: str) -> dict[str, str]:
    """Where a key is read, as a table says it."""
    kind, _, name = key.partition(".")
    known = CELLS.get(kind)
    if known is None:
        path = f'["{kind}"]' + (f'["{name}"]' if name else "")
        known = (
            f"reply.metadata(){path}",
            f"response_metadata{path}",
            f"additional_kwargs{path}",
        )
    return {face: f"`{cell}`" for face, cell in zip(FRAMEWORKS, known, strict=True)}


@dataclass(frozen=True)
class Refused(Row):
    """A status that the document names.

    Args:
        endpoint: The service.
        status: The status.
        body: What the service says.
        error: The class of ours.
        says: What must stand in its words.
    """

    endpoint: str = ""
    status: str = ""
    body: Any = None
    error: type[AgentError] = AgentError
    says: str = ""

    async def try_on(self, face: str, box: Sandbox) -> None:
        raw = json.dumps(self.body).encode()
        with serving([head(JSON, self.status, length=len(raw)), raw]) as server:
            settings = {"base_url": server.url, "agent_id": "bot", "api_key": "key"}
            way = Way(face, self.endpoint, streamed=False, awaited=False, max_retries=0, **settings)
            with pytest.raises(self.error) as caught:
                await way.ask(QUESTION)
        assert self.says in str(caught.value)
        if "code" in self.body:
            assert caught.value.code == self.body["code"]
        assert caught.value.request_id == self.body.get("requestId")


@dataclass(frozen=True)
class Done(Row):
    """A parameter of an operation beside the chat, on the client behind each face.

    Args:
        operation: The operation; its own test looks at each of its documented parameters.
        name: The parameter; empty for the operation itself.
    """

    operation: Operation | None = None
    name: str = ""

    async def try_on(self, face: str, box: Sandbox) -> None:
        operation = self.operation
        assert operation is not None
        assert not self.name or self.name in operation.fields.split()
        model = Way(
            face,
            operation.endpoint,
            streamed=False,
            awaited=False,
            **box.kwargs(operation.endpoint),
        ).model
        client = model if face == "plain" else model.client
        if not self.name:
            await operation.run(Calls("sync"), client, box)


@dataclass(frozen=True)
class Explained(Row):
    """A line that names nothing to be written or read; its cells say why."""


def argument(endpoint: str, text: str) -> dict[str, str]:
    """The cells of an argument: the class of each face with it."""
    name = NAMES[endpoint]
    return {face: f"`{CLASSES[face].format(name)}({text})`" for face in FRAMEWORKS}


def call_argument(text: str) -> dict[str, str]:
    names = {"plain": "ask", "langchain": "invoke", "llamaindex": "chat"}
    return {face: f"`{name}(..., {text})`" for face, name in names.items()}
