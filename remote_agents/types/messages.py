"""What goes in: messages, and one turn as an endpoint is asked it.

Nothing here knows a service, a framework or a socket.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from pydantic_core import to_jsonable_python

from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.types.contents import Content, content_of

Role = Literal["system", "user", "assistant", "tool"]
AttachmentKind = Literal["image", "audio", "video", "file"]
_KINDS: dict[str, AttachmentKind] = {kind: kind for kind in get_args(AttachmentKind)}


def kind_named(name: str) -> AttachmentKind:
    """The kind of a file that a service, or the first half of a MIME type, calls so.

    Example:
        >>> kind_named("image"), kind_named("other")
        ('image', 'file')
    """
    return _KINDS.get(name, "file")


@dataclass(slots=True)
class Attachment:
    """A file that goes with a message: a link, the id of an uploaded file, bytes, or a local path.

    Args:
        kind: `image`, `audio`, `video` or `file`.
        url: Public link (or `cloud://` id on CloudBase).
        file_id: Id of a file that the service already holds.
        data: The content itself: bytes, or an open binary file. That is read at once, from where it
            stands to its end, and stands there again if it can.
        path: A local file, read when it is uploaded.
        mime_type: For example `image/png`.
        filename: The name that the service is told (default: that of `path` or of the open file).

    Raises:
        UnsupportedContentError: One of them is of the wrong kind, or the file cannot be read.

    Example:
        >>> Attachment("image", url="https://example.com/plan.png").kind
        'image'
        >>> Attachment.from_path("plans/floor.png", kind="image").filename
        'floor.png'
    """

    kind: AttachmentKind = "file"
    url: str | None = None
    file_id: str | None = None
    data: Content | None = field(default=None, repr=False)
    path: str | None = None
    mime_type: str | None = None
    filename: str | None = None

    def __post_init__(self) -> None:
        """Check what was given, as it may come from a page; what is open is read."""
        if isinstance(self.path, os.PathLike):
            self.path = os.fspath(self.path)
        for name in ("kind", "url", "file_id", "path", "mime_type", "filename"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "kind"):
                raise UnsupportedContentError(
                    f"An attachment's {name} is a text, not {type(value).__name__}."
                )
        if not isinstance(self.data, bytes | None):
            named = getattr(self.data, "name", None)
            if self.filename is None and isinstance(named, str):
                self.filename = os.path.basename(named)
            self.data = content_of(self.data, self.filename or f"The {self.kind}")

    @classmethod
    def from_path(
        cls,
        path: str | os.PathLike[str],
        *,
        kind: AttachmentKind = "file",
        mime_type: str | None = None,
        filename: str | None = None,
    ) -> Attachment:
        """A local file; it is read when it is uploaded.

        Args:
            path: Where it is.
            kind: `image`, `audio`, `video` or `file`.
            mime_type: For example `image/png` (default: by the name).
            filename: The name that the service is told (default: the file's own).
        """
        where = os.fspath(path) if isinstance(path, os.PathLike) else path
        file = cls(kind, path=where, mime_type=mime_type, filename=filename)
        file.filename = filename or os.path.basename(file.path or "")
        return file

    @classmethod
    def from_mapping(cls, given: JsonMapping) -> Attachment:
        """An attachment from a message's JSON, which may come from outside and names no local file.

        Raises:
            UnsupportedContentError: It names a local file, or what an attachment does not have.
        """
        known = {"kind", "url", "file_id", "data", "mime_type", "filename"}
        if "path" in given:
            raise UnsupportedContentError(
                "A path is not taken from a mapping, which may come from outside: pass "
                "Attachment.from_path(path) in the message's attachments."
            )
        if unknown := sorted(map(str, given.keys() - known)):
            raise UnsupportedContentError(
                f"An attachment has {', '.join(sorted(known))}, not {', '.join(unknown)}."
            )
        return cls(**given)


AnsweredBy = Literal["command", "resume", "draft"]
Waits = tuple[tuple[str, AnsweredBy], ...]
"""Interrupts by their ids, and how each is answered."""


@dataclass(slots=True)
class Interrupt:
    """The run waits for a person: an answer passed as `resume=` lets it go on.

    Args:
        id: The agent's id of it, if it has one.
        question: What the person is asked.
        value: All that the agent said with it.
        tool_call_id: The call that waits for approval, if it is one.
        answered_by: How the agent takes the answer: as LangGraph's `command`, as AG-UI 1.0's list
            (`resume`), or as the one object of the draft before it (`draft`).
        tool_name: The tool of that call.
        tool_arguments: Its arguments.
    """

    id: str | None = None
    question: str = ""
    value: Any = None
    tool_call_id: str | None = None
    answered_by: AnsweredBy = "command"
    tool_name: str | None = None
    tool_arguments: Arguments | None = None

    def to_dict(self) -> JsonObject:
        """The fields that are known, as plain JSON values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(slots=True)
class Origin:
    """Where an assistant message came from, as its metadata says.

    Args:
        agent: `provider:agent_id@host/path`; empty if no agent of this library wrote it.
        conversation_id: The service's own id of the conversation.
        reply_id: The id of that reply.
        mark: What the reply said of its turn, sealed.
        interrupts: What the run waits for since then, if it waits for a person.
        encrypted_values: What the agent's model wants back with calls of your tools, by their ids.
        thoughts: The reasoning that it wants back with them, as the service has it.
    """

    agent: str
    conversation_id: str | None = None
    reply_id: str | None = None
    mark: JsonMapping | None = None
    interrupts: Sequence[Interrupt] = ()
    encrypted_values: JsonMapping = field(default_factory=dict)
    thoughts: Sequence[Any] = ()

    @classmethod
    def of(cls, metadata: JsonMapping) -> Origin | None:
        """The origin that a reply's metadata tells, if it tells one."""
        get = metadata.get
        agent, mark, values = get("agent"), get("conversation"), get("encrypted_values")
        if not isinstance(agent, str):
            if not get("model_provider"):
                return None
            agent = ""
        return cls(
            agent,
            _text(get("conversation_id")),
            _text(get("reply_id")),
            mark if isinstance(mark, Mapping) else None,
            interrupts_in(get("interrupts")) if get("finish_reason") == "interrupt" else (),
            {k: v for k, v in values.items() if isinstance(v, str)}
            if isinstance(values, Mapping)
            else {},
            _thoughts_in(get("raw")),
        )


def interrupts_in(told: Any) -> tuple[Interrupt, ...]:
    """What a reply's metadata says that the run waits for, be it unreadable."""
    try:
        return tuple(map(_interrupt_in, told)) or (Interrupt(),)
    except TypeError:
        return (Interrupt(),)


def _interrupt_in(told: Any) -> Interrupt:
    found = Interrupt(**told)
    texts = (found.id, found.question, found.tool_call_id, found.tool_name, found.answered_by)
    if not all(isinstance(each, str | None) for each in texts):
        raise TypeError("an interrupt that no agent told")
    return found


def _thoughts_in(raw: object) -> Sequence[Any]:
    found = raw.get("thoughts") if isinstance(raw, Mapping) else None
    return found if isinstance(found, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def json_text(value: object) -> str:
    """JSON as a person reads it: letters as they are, dates as ISO text, enums as their values."""
    return json.dumps(value, ensure_ascii=False, default=_jsonable)


def _jsonable(value: object) -> object:
    try:
        return to_jsonable_python(value, fallback=str, bytes_mode="base64")
    except Exception:  # a date that is none, what holds itself, a serializer that fails
        return str(value)


@dataclass(slots=True)
class ClientToolCall:
    """A tool of yours that the agent asks you to run; a `tool` message answers it by its id.

    Args:
        id: The agent's id of this call.
        name: The tool.
        arguments: What it is called with.
        encrypted_value: What the agent's model wants back with the call, which nobody else reads.
    """

    id: str
    name: str
    arguments: Arguments = field(default_factory=dict)
    encrypted_value: str | None = None

    def __str__(self) -> str:
        """The call as a line of a dialogue, for agents that know no tools of yours."""
        return f"[called {self.name}({json_text(self.arguments)})]"


@dataclass(slots=True)
class Message:
    """One message of a dialogue.

    Args:
        role: `system`, `user`, `assistant` or `tool`.
        content: Its text.
        attachments: Files that go with it.
        origin: On an assistant message, the conversation that it belongs to.
        id: Your own id of the message, if it has one; the same message keeps it.
        tool_calls: On an assistant message, the calls of your tools that it asks for.
        tool_call_id: On a `tool` message, the call that it answers.
        name: Who speaks, if several do; the tool, on a `tool` message.
        failed: On a `tool` message, whether the tool failed.

    Example:
        >>> Message("user", "How many vacation days do I get?").role
        'user'
    """

    role: Role
    content: str
    attachments: Sequence[Attachment] = ()
    origin: Origin | None = None
    id: str | None = None
    tool_calls: Sequence[ClientToolCall] = ()
    tool_call_id: str | None = None
    name: str | None = None
    failed: bool = False

    def is_of_another(self, agent: str) -> bool:
        """Whether it is marked as the reply of another agent or model than this one."""
        return self.origin is not None and self.origin.agent != agent


@dataclass(slots=True)
class Turn:
    """What one call asks of an endpoint, after memory has decided what is sent and where.

    Args:
        agent_id: The agent.
        messages: What is sent; never empty.
        stream: Whether the answer is asked for piece by piece.
        conversation_id: The conversation to continue, if any.
        keep: Whether the service is asked to keep a new conversation.
        options: The service's own arguments that are set, by their public names.
        parameters: Those of them that go into the request.
        history: What the conversation holds of the caller's messages already, in the roles that
            the endpoint takes, for an endpoint that wants it along; never a new question.
        interrupts: What the run that it goes on with waits for, if it answers one.
        moved_on: Whether the conversation is known to hold more than `history`, such as what
            another engine of its session said.
    """

    agent_id: str
    messages: Sequence[Message]
    stream: bool = False
    conversation_id: str | None = None
    keep: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Message] = ()
    interrupts: Sequence[Interrupt] = ()
    moved_on: bool = False


Fold = Callable[[Sequence[Message]], str]
"""Makes one text of several messages, for a service that takes no roles or no history."""
