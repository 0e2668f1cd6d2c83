"""What comes out of an agent: the events of an answer, and the reply they are folded into.

Nothing here knows a service, a framework or a socket.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from remote_agents.json_types import Arguments, JsonObject
from remote_agents.types.citations import Citation, Citations, names_of
from remote_agents.types.files import File, links_to
from remote_agents.types.messages import ClientToolCall, Interrupt
from remote_agents.types.rendering import fenced, render
from remote_agents.types.text_buffer import TextBuffer


@dataclass(slots=True)
class TextDelta:
    """A piece of the answer's text."""

    text: str


@dataclass(slots=True)
class ReasoningDelta:
    """A piece of the agent's reasoning."""

    text: str


@dataclass(slots=True)
class ToolCall:
    """A tool or search that the agent used on its own server."""

    id: str
    name: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of a tool call's JSON arguments, before the call is whole."""

    id: str
    name: str | None = None
    arguments: str = ""


@dataclass(slots=True)
class ToolResult:
    """What that tool gave the agent."""

    id: str
    output: Any = None
    error: bool = False


@dataclass(slots=True)
class Update:
    """What an agent tells of its state and its progress; shown on the way, and never kept.

    Args:
        kind: The service's word for it, for example `STATE_SNAPSHOT`.
        data: The whole event.
        state: The agent's state after it, if it changes it.
    """

    kind: str
    data: Any
    state: Any = None


@dataclass(slots=True)
class Usage:
    """Token counts, as the service reports them; a later report replaces an earlier one.

    The input includes what was read from a cache or written to it, the output what was reasoned.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(slots=True)
class Info:
    """Facts about the reply that are not content; None, or no text, leaves what is known as it is.

    `raw` adds to the reply's `raw`.
    """

    conversation_id: str | None = None
    reply_id: str | None = None
    model: str | None = None
    request_id: str | None = None
    credits_consumed: float | None = None
    credits_remaining: float | None = None
    finish_reason: str | None = None
    more_expected: bool | None = None
    choice: int | None = None
    raw: JsonObject | None = None


@dataclass(slots=True)
class Alternative:
    """A piece of another choice than the first, when several were asked for (`n`)."""

    index: int
    text: str


@dataclass(slots=True)
class Unknown:
    """Something the service sent that this library has no word for."""

    data: Any


@dataclass(slots=True)
class Finish:
    """The answer is whole; `reply` holds everything. Always the last event."""

    reason: str
    reply: Reply


Event = (
    TextDelta
    | ReasoningDelta
    | Citation
    | ToolCall
    | ToolCallDelta
    | ToolResult
    | ClientToolCall
    | File
    | Interrupt
    | Update
    | Usage
    | Info
    | Alternative
    | Unknown
    | Finish
)


class Reply:
    """A whole answer, folded from its events; streamed or not, it is the same.

    Attributes:
        endpoint: Name of the endpoint, for example `bluenexus`.
        agent: `provider:agent_id@host/path`.
        steps: The agent's own tool calls and results, and unknown events, in order.
        tool_calls: Calls of your own tools that the agent asks you to run.
        raw: What else the service said, as plain values: `created`, `object`, `version`, ...
        suggested_questions: What the user may want to ask next, if `suggest=True` asked for it.
        interrupts: What the run waits for; `resume=` answers.
        state: The agent's state after the run, where it tells one; it is part of no history.
        usage: Token counts, if the service reports them.
        finish_reason: `stop` for a complete answer; `tool_calls`, `interrupt`, `length`, ...
        conversation_id: The service's id of the conversation, if there is one.
        reply_id: The service's id of this reply, else one of ours.
        request_id: The service's id of the request.
        model: The model's name, if the service tells it.
        credits_consumed: Credits this answer cost.
        credits_remaining: Credits left.
        conversation: What the next turn needs to go on from this one, sealed; None where the
            service keeps no conversation.
        memory: `continued`, `new` or `replayed`; None where the service keeps no conversation.
        memory_reason: Why it is that, for example `first_turn` or `instruction_dropped`.
        differs: Where a history was replayed, index and role of the first message that differs.

    Example:
        >>> reply = Reply("bluenexus", "bluenexus:default@api.bluenexus.ai")
        >>> reply.add(TextDelta("25 "))
        >>> reply.add(TextDelta("days"))
        >>> reply.text
        '25 days'
    """

    state: Any = None
    usage: Usage | None = None
    finish_reason: str | None = None
    conversation_id: str | None = None
    reply_id: str | None = None
    request_id: str | None = None
    model: str | None = None
    credits_consumed: float | None = None
    credits_remaining: float | None = None
    conversation: JsonObject | None = None
    memory: str | None = None
    memory_reason: str | None = None
    differs: tuple[int, str] | None = None
    # What is known while it arrives.
    begun = False
    more_expected = False
    withheld = ""  # received, but perhaps the beginning of a stop sequence
    choice: int | None = None
    decoder: Any = None  # what its decoder remembers between two frames

    def __init__(self, endpoint: str, agent: str) -> None:
        self.endpoint = endpoint
        self.agent = agent
        self._citations = Citations()
        self.steps: list[ToolCall | ToolResult | Unknown] = []
        self.tool_calls: list[ClientToolCall] = []
        self.raw: JsonObject = {}
        self.suggested_questions: list[str] = []
        self.interrupts: list[Interrupt] = []
        self.beside: list[str] = []  # of messages that are written while another one is shown
        self.open_calls: dict[str, ToolCallDelta] = {}
        self.called: set[str] = set()  # ids of the agent's own calls, and of their results
        self.resulted: set[str] = set()
        self._calls_told: set[tuple[str, str, str]] = set()
        self.pieces = TextBuffer()  # of its text; `Reader` writes there too
        self._reasoning = TextBuffer()
        self._alternatives: dict[int, TextBuffer] = {}
        self._files: dict[tuple[Any, ...], File] = {}

    def __repr__(self) -> str:
        return (
            f"Reply({self.text!r}, {', '.join(f'{k}={v!r}' for k, v in self.metadata().items())})"
        )

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self.pieces)

    @text.setter
    def text(self, value: str) -> None:
        self.pieces = TextBuffer([value])

    @property
    def citations(self) -> list[Citation]:
        """Sources, each once, in the order in which they were named."""
        return self._citations.found

    @property
    def reasoning(self) -> str:
        """The agent's reasoning so far."""
        return "".join(self._reasoning)

    @property
    def alternatives(self) -> list[str]:
        """The texts of the other choices, when several were asked for (`n`)."""
        return ["".join(self._alternatives[index]) for index in sorted(self._alternatives)]

    @property
    def files(self) -> list[File]:
        """Files that the answer brings, each once."""
        return list(self._files.values())

    @property
    def unknown_frames(self) -> int:
        """How many frames said something that this library has no word for; see `steps`."""
        return sum(type(step) is Unknown for step in self.steps)

    def add(self, event: Event) -> None:
        """Fold one event into the reply."""
        _FOLD[type(event)](self, event)

    def metadata(self) -> JsonObject:
        """What both frameworks show beside the text, each key only where it is known."""
        known = {
            "model_name": self.model or self.agent.split(":", 1)[-1].rsplit("@", 1)[0],
            "model_provider": self.endpoint,
            "finish_reason": self.finish_reason,
            "conversation_id": self.conversation_id,
            "agent": self.agent,
            "reply_id": self.reply_id,
            "request_id": self.request_id,
            "credits_consumed": self.credits_consumed,
            "credits_remaining": self.credits_remaining,
            "unknown_frames": self.unknown_frames or None,
            "raw": self.raw or None,
            "suggested_questions": self.suggested_questions or None,
            "interrupts": [interrupt.to_dict() for interrupt in self.interrupts] or None,
            "encrypted_values": {
                call.id: call.encrypted_value for call in self.tool_calls if call.encrypted_value
            }
            or None,
            "conversation": self.conversation,
            "memory": self.memory,
            "memory_reason": self.memory_reason,
            "differs": self.differs and dict(zip(("index", "role"), self.differs, strict=True)),
        }
        return {name: value for name, value in known.items() if value is not None}

    def facts(self) -> JsonObject:
        """What a log, a span and a metric may know of it: nothing of its content."""
        told = {name: value for name, value in self.metadata().items() if name in _OBSERVED}
        if self.usage is not None:
            told["input_tokens"] = self.usage.input_tokens
            told["output_tokens"] = self.usage.output_tokens
        return told

    def close(self) -> None:
        """Settle what every finished reply has: a reason and an id."""
        # A service may end a run that waits for a person as any other.
        self.finish_reason = "interrupt" if self.interrupts else self.finish_reason or "stop"
        self.decoder = None  # what it remembers is of no more use, and grows with the dialogue
        self.reply_id = self.reply_id or f"reply-{uuid.uuid4().hex}"

    def _repr_markdown_(self) -> str:
        sources, files = names_of(self.citations), links_to(self.files)
        return fenced(self.text, self.reasoning, sources, files)

    def _repr_html_(self) -> str:
        sources, files = names_of(self.citations), links_to(self.files)
        return render(self.text, self.reasoning, sources, files)


_OBSERVED = frozenset(
    {"model_name", "model_provider", "finish_reason", "conversation_id", "agent", "reply_id"}
    | {"request_id", "credits_consumed", "memory", "memory_reason", "differs"}
)


def _add_call(reply: Reply, event: ToolCall) -> None:
    reply.open_calls.pop(event.id, None)
    told = (event.id, event.name, repr(event.arguments))
    if told not in reply._calls_told:
        reply._calls_told.add(told)
        reply.called.add(event.id)
        reply.steps.append(event)


def _add_result(reply: Reply, event: ToolResult) -> None:
    reply.resulted.add(event.id)
    reply.steps.append(event)


def _add_client_call(reply: Reply, event: ClientToolCall) -> None:
    reply.open_calls.pop(event.id, None)
    reply.tool_calls.append(event)


def _add_file(reply: Reply, event: File) -> None:
    reply._files.setdefault(event.key, event)


def _add_call_delta(reply: Reply, event: ToolCallDelta) -> None:
    open_call = reply.open_calls.setdefault(event.id, ToolCallDelta(event.id))
    open_call.name = event.name or open_call.name
    # In a variable of its own a text grows in place, and need not be copied for each piece.
    arguments, open_call.arguments = open_call.arguments, ""
    arguments += event.arguments
    open_call.arguments = arguments


def _add_update(reply: Reply, event: Update) -> None:
    if event.state is not None:
        reply.state = event.state


_FACTS = tuple(name for name in Info.__slots__ if name != "raw")
_FACTS_OF = attrgetter(*_FACTS)


def _add_info(reply: Reply, event: Info) -> None:
    if event.raw:
        reply.raw.update(event.raw)
    for name, value in zip(_FACTS, _FACTS_OF(event), strict=True):
        if value is not None and value != "":
            setattr(reply, name, value)


def _add_alternative(reply: Reply, event: Alternative) -> None:
    reply._alternatives.setdefault(event.index, TextBuffer()).write(event.text)


_FOLD: dict[type, Any] = {
    TextDelta: lambda reply, event: reply.pieces.write(event.text),
    ReasoningDelta: lambda reply, event: reply._reasoning.write(event.text),
    Citation: lambda reply, event: reply._citations.add(event),
    ToolCall: _add_call,
    ToolCallDelta: _add_call_delta,
    ToolResult: _add_result,
    ClientToolCall: _add_client_call,
    File: _add_file,
    Interrupt: lambda reply, event: reply.interrupts.append(event),
    Update: _add_update,
    Usage: lambda reply, event: setattr(reply, "usage", event),
    Info: _add_info,
    Alternative: _add_alternative,
    Unknown: lambda reply, event: reply.steps.append(event),
    Finish: lambda reply, event: None,
}
