"""What is known of an AG-UI run between two of its events. Pure."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.types import Event, Interrupt, Reply, TextDelta
from remote_agents.wire.ag_ui.spelling import is_snake_case
from remote_agents.wire.json import identifier, items, mapping, text
from remote_agents.wire.tool_arguments import content_text, decoded, parse_arguments

SHOWN = 20_000  # characters of what Python shows of a value: parsing takes many times its size
PARAGRAPH = "\n\n"


class Sent(NamedTuple):
    """What the request of a run held, as far as its answer repeats it.

    Args:
        tools: Names of the caller's tools.
        messages: Ids of the messages, and of those that are known to stand before them.
        results: Ids of the calls that its `tool` messages answer.
        resumes: Whether it went on with a run that waited, so that it held no message.
        forced: Whether a tool had to be called, so that an answer in JSON is read as its call.
    """

    tools: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    resumes: bool = False
    forced: bool = False

    def has(self, message: JsonMapping) -> bool:
        """Whether a message of a snapshot is the caller's, or as old as his newest."""
        if message.get("role") == "tool":
            return self.resumes or identifier(message.get("toolCallId")) in self.results
        return message.get("role") == "user" or identifier(message.get("id")) in self.messages


NOTHING = Sent()


@dataclass(slots=True)
class Snapshot:
    """What a MESSAGES_SNAPSHOT adds to the dialogue; the rest of it is let go."""

    said: list[JsonMapping] = field(default_factory=list)
    results: JsonObject = field(default_factory=dict)
    last_id: str | None = None
    ours: bool = False  # whether it holds anything of what was sent


@dataclass(slots=True)
class Run:
    """One run, from RUN_STARTED to RUN_FINISHED.

    Messages of a run may be written at the same time, by agents beneath it: one of them is shown
    as it is written, and the others wait until it ends.

    Args:
        sent: What was asked.
        snake_case: Whether the names of its fields are spelt so.
        announced: Whether RUN_STARTED came, after which RUN_FINISHED is due.
        open: The message that is being shown.
        shown: Ids of the messages whose text has been shown.
        waiting: Texts of messages that are written beside it.
        foreign: Messages that are not the agent's own, but somebody's that it repeats.
        thinking: The reasoning message that is being shown.
        settled: Ids of the calls that have been told.
        thoughts: Its messages of reasoning, by their ids.
        encrypted: What the agent's model wants back with a call or a thought, by its id.
        interrupts: What the run said that it waits for.
        snapshot: What the newest snapshot adds.
    """

    sent: Sent = NOTHING
    snake_case: bool = False
    announced: bool = False
    open: str | None = None
    shown: set[str] = field(default_factory=set)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    thinking: str | None = None
    settled: set[str] = field(default_factory=set)
    thoughts: dict[str, list[str]] = field(default_factory=dict)
    encrypted: dict[str, str] = field(default_factory=dict)
    interrupts: list[Interrupt] = field(default_factory=list)
    snapshot: Snapshot = field(default_factory=Snapshot)

    def text(self, message_id: str, delta: str, so_far: Reply) -> list[Event]:
        """A piece of a message's text: shown now, or kept until the one before it has ended."""
        if message_id in self.foreign or not delta:
            return []
        if self.open is None:
            self.open = message_id
        if message_id != self.open:
            self.waiting.setdefault(message_id, []).append(delta)
            so_far.beside.append(delta)
            return []
        if message_id in self.shown:
            return [TextDelta(delta)]
        if not (self.shown or self.snapshot.ours):
            self.snapshot = Snapshot()  # a run may begin with the thread as it was before
        self.shown.add(message_id)
        return [TextDelta(PARAGRAPH + delta if any(so_far.pieces) else delta)]

    def end(self, so_far: Reply) -> list[Event]:
        """The message being shown has ended: what waited is shown now."""
        self.open = None
        events: list[Event] = []
        shown = any(so_far.pieces)
        for message_id, pieces in self.waiting.items():
            waited = "".join(pieces)
            events.append(TextDelta(PARAGRAPH + waited if shown else waited))
            self.shown.add(message_id)
            shown = True
        self.waiting.clear()
        so_far.beside.clear()
        return events


def run_of(so_far: Reply, sent: Sent, data: JsonMapping) -> Run:
    """The run that a reply is folded from; it begins with its first event."""
    if not isinstance(so_far.decoder, Run):
        so_far.decoder = Run(sent, is_snake_case(data))
    run: Run = so_far.decoder
    return run


def read_snapshot(messages: object, run: Run) -> Snapshot:
    """What a snapshot adds to what was sent: the agent's own messages behind it, and results."""
    held = [mapping(message) for message in items(messages)]
    ours = any(identifier(message.get("id")) in run.sent.messages for message in held)
    new = held[max(_old_in(held, run, ours), default=0) :]
    results = {
        call_id: message.get("content")
        for message in held
        if message.get("role") == "tool" and (call_id := identifier(message.get("toolCallId")))
    }
    said = [message for message in new if message.get("role") in ("assistant", "reasoning")]
    ids = [message.get("id") for message in new if message.get("role") == "assistant"]
    return Snapshot(said, results, identifier(ids[-1]) if ids else None, ours)


def _old_in(held: Sequence[JsonMapping], run: Run, ours: bool) -> Iterator[int]:
    """How much of a snapshot is older than the run, by each message that tells it."""
    yield from (n for n, message in enumerate(held, 1) if run.sent.has(message))
    if run.sent.resumes and not ours:
        # What the paused run had said stands behind the question as well, and nothing tells it.
        shown = (n for n, said in enumerate(held) if identifier(said.get("id")) in run.shown)
        yield next(shown, len(held) - 1)


def snapshot_text(message: JsonMapping) -> str:
    """The text of a snapshot's message, whose content may be a list of parts."""
    return content_text(message.get("content"))


def interrupts_of(data: JsonMapping) -> list[Interrupt]:
    """What a RUN_FINISHED says that it waits for: AG-UI 1.0's outcome, or the draft's before it."""
    outcome = data.get("outcome")
    if isinstance(outcome, dict) and outcome.get("type") == "interrupt":
        return [_structured(found, "resume") for found in items(outcome.get("interrupts"))]
    if outcome == "interrupt":
        told = data.get("interrupts") or data.get("interrupt")
        return [_structured(found, "draft") for found in items(told)] or [
            Interrupt(answered_by="draft")
        ]
    return []


def interrupt_told(data: JsonMapping) -> Interrupt:
    """What an `on_interrupt` asks: a value of LangGraph's, Mastra's call, or CrewAI's interrupt.

    The last of these is one of 1.0, whose answer is read nowhere but in `resume`. Any other value
    is the agent's own, whatever its fields are called.
    """
    raw, value = data.get("rawEvent"), value_of(data.get("value"))
    known = mapping(value)
    if "crewai" in mapping(known.get("metadata")):
        return _structured(known, "resume")
    interrupt_id = identifier(raw.get("id") if isinstance(raw, dict) else raw)
    run_id, call_id = identifier(known.get("runId")), identifier(known.get("toolCallId"))
    if known.get("type") != SUSPENDED or not (run_id and call_id):
        return Interrupt(interrupt_id, question_in(value), value)
    asked = question_in(known.get("suspendPayload"))
    interrupt_id = f"{run_id}{OF_RUN}{call_id}"  # as Mastra's newer servers name it
    return Interrupt(interrupt_id, asked, value, call_id, "command", *_call_in(known))


SUSPENDED, OF_RUN = "mastra_suspend", "::"


def _call_in(suspended: JsonMapping) -> tuple[str | None, Any]:
    """The call that Mastra holds back: it streams none that has not run."""
    name = identifier(suspended.get("toolName"))
    return name, parse_arguments(suspended.get("args")) if name else None


def _structured(found: object, answered_by: Any) -> Interrupt:
    known = mapping(found)
    metadata = mapping(known.get("metadata"))
    raw = mapping(metadata.get("langgraph")).get("raw")
    suspended = mapping(metadata.get("mastra"))
    value = known.get("payload", raw) if raw is None else raw
    # What Mastra's tools suspend with, and what Strands' interrupt for.
    asked = suspended.get("suspendPayload") or metadata.get("reason") if value is None else value
    return Interrupt(
        identifier(known.get("id")),
        text(known.get("message")) or question_in(asked) or text(known.get("reason")),
        dict(known) if value is None else value,
        identifier(known.get("toolCallId")),
        answered_by,
        *_call_in(suspended),
    )


def value_of(asked: object) -> Any:
    """What an interrupt asks with: JSON, or what Python shows of it.

    Tencent's server writes it in the second way when a run waits already. What JSON does not know
    stays that text: nobody could keep the message that holds it.
    """
    value = decoded(asked)
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) < SHOWN:
        with suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return decoded(json.dumps(literal_eval(value), default=sorted, allow_nan=False))
    return value


def question_in(value: object) -> str:
    """What a person is asked, in an interrupt's value of whatever form."""
    if isinstance(value, str):
        return value
    known = mapping(value)
    found = (text(known.get(key)) for key in ("question", "message", "prompt", "description"))
    return next(filter(None, found), "")
