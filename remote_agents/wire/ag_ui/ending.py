"""How an AG-UI run ends. Pure.

Only then is it known which calls nobody has answered, so that they are the caller's to run, and
what a snapshot holds that was never streamed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from remote_agents.errors import RemoteFailureError
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.types import (
    ClientToolCall,
    Event,
    Info,
    Interrupt,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
    json_text,
)
from remote_agents.wire.ag_ui.run import PARAGRAPH, Run, interrupts_of, snapshot_text
from remote_agents.wire.json import count, identifier, items, mapping, text
from remote_agents.wire.parts import files_in
from remote_agents.wire.tool_arguments import content_text, parse_arguments, required_arguments

# In the order of the fields of `Usage`; the sum is worked out.
COUNTS = (
    "inputTokens",
    "outputTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
    "reasoningTokens",
)


def finished(data: JsonMapping, so_far: Reply, run: Run) -> list[Event]:
    """RUN_FINISHED: what was said but not streamed, whose the calls are, what the run waits for.

    Raises:
        RemoteFailureError: The run was stopped.
        StreamProtocolError: A tool of the caller's is called with arguments that were cut off.
    """
    outcome = data.get("outcome")
    if outcome == "cancelled" or mapping(outcome).get("type") == "cancelled":
        raise RemoteFailureError("The agent's run was stopped.", code="cancelled", body=data)
    interrupts = _with_calls(interrupts_of(data) or run.interrupts, so_far, run)
    waited = run.end(so_far)
    told = so_far.text + "".join(event.text for event in waited if isinstance(event, TextDelta))
    shown = [*waited, *_unstreamed(told, so_far, run)]
    if not shown and not so_far.text and (result := _result_text(data.get("result"))):
        shown = [TextDelta(result)]
    calls = _left_calls(data, so_far, run, interrupts) or _call_in_words(so_far, run, shown)
    asked = any(isinstance(event, ClientToolCall) for event in calls)
    end = Info(
        finish_reason="interrupt" if interrupts else "tool_calls" if asked else _reason(data),
        conversation_id=identifier(data.get("threadId")),
        reply_id=run.snapshot.last_id,
        raw=_sealed_thoughts(run) if asked or interrupts else None,
    )
    return [*shown, *_late_results(so_far, run), *calls, *interrupts, *_usage(data), end]


def _result_text(result: object) -> str:
    """The text of a run's result, which may be an object: an agent with a schema answers so."""
    if not isinstance(result, (dict, list)) or not result:
        return text(result)
    parts = content_text(result) if isinstance(result, list) else ""
    return parts or json_text(result)


def _unstreamed(told: str, so_far: Reply, run: Run) -> list[Event]:
    """What stands in the snapshot alone: a step that streams nothing answers there."""
    events: list[Event] = []
    # Where a message has the id and the words that were streamed, another id is another message.
    known = [m for m in run.snapshot.said if identifier(m.get("id")) in run.shown]
    ids_tell = any(_is_told(snapshot_text(message).strip(), told, whole=True) for message in known)
    for message in run.snapshot.said:
        said, streamed = snapshot_text(message), identifier(message.get("id")) in run.shown
        events += files_in(message.get("content"))
        if message.get("role") == "reasoning":
            if said and not so_far.reasoning:
                events.append(ReasoningDelta(said))
        elif said and not _is_told(said.strip(), told, whole=ids_tell and not streamed):
            new = PARAGRAPH + said if told else said
            if streamed:
                new = _unstreamed_end(said, told)
            events += [TextDelta(new)] if new else []
            told += new
    return events


def _is_told(said: str, told: str, *, whole: bool) -> bool:
    """Whether a text was told before; one that has to be whole is no part of a paragraph."""
    if not whole:
        return said in told
    return _in_paragraphs(said) in _in_paragraphs(told)


def _in_paragraphs(text: str) -> str:
    """A text whose paragraphs end in one way, however their blank lines were written."""
    lines = "\n".join(map(str.strip, text.strip().splitlines()))
    return PARAGRAPH + re.sub("\n{2,}", PARAGRAPH, lines) + PARAGRAPH


def _unstreamed_end(whole: str, told: str) -> str:
    """What a stream left out at the end of its last message; nothing if that was changed since."""
    begins = [0, *(found.end() for found in re.finditer(PARAGRAPH, told))]
    last = (told[at:] for at in begins)
    return next((whole[len(text) :] for text in last if text and whole.startswith(text)), "")


def _reason(data: JsonMapping) -> str:
    """Why the answer ended: CopilotKit's runtime tells where it was cut off, in AI SDK's words."""
    told = text(data.get("finishReason")).replace("-", "_")
    return told if told in ("length", "content_filter") else "stop"


def _sealed_thoughts(run: Run) -> JsonObject | None:
    """The reasoning before a call that waits, which its model may want back as it was."""
    thoughts = [
        {"id": thought, "content": "".join(pieces), "encryptedValue": run.encrypted[thought]}
        for thought, pieces in run.thoughts.items()
        if thought in run.encrypted
    ]
    return {"thoughts": thoughts} if thoughts else None


def _late_results(so_far: Reply, run: Run) -> list[Event]:
    """Results of the agent's own calls that stand in the snapshot alone, as CrewAI's crews do."""
    called = dict.fromkeys(step.id for step in so_far.steps if isinstance(step, ToolCall))
    results = run.snapshot.results
    return [
        ToolResult(call_id, results[call_id])
        for call_id in called
        if call_id in results and call_id not in so_far.resulted
    ]


def _left_calls(
    data: JsonMapping, so_far: Reply, run: Run, interrupts: list[Interrupt]
) -> list[Event]:
    """The calls that the run leaves behind: the caller's to run, but for those of the server."""
    events: list[Event] = []
    told = dict(_snapshot_calls(run))
    left = {
        # Tencent's server streams the arguments of parallel calls as those of the first.
        call.id: (call.name or "tool", told.get(call.id, ("", ""))[1] or call.arguments)
        for call in so_far.open_calls.values()
    }
    known = {*left, *run.settled, *(s.id for s in so_far.steps if isinstance(s, ToolCall))}
    left |= {call_id: named for call_id, named in told.items() if call_id not in known}
    pending = mapping(data.get("outcome")).get("pendingToolCallIds")
    waiting = {interrupt.tool_call_id for interrupt in interrupts}
    for call_id, (name, arguments) in left.items():
        run.settled.add(call_id)
        if call_id in run.snapshot.results:
            events += [
                ToolCall(call_id, name, parse_arguments(arguments)),
                ToolResult(call_id, run.snapshot.results[call_id]),
            ]
        elif _is_the_callers(call_id, name, run, pending, waiting):
            given = required_arguments(name, arguments)
            events.append(ClientToolCall(call_id, name, given, run.encrypted.get(call_id)))
        else:
            events.append(ToolCall(call_id, name, parse_arguments(arguments)))
    return events


def _with_calls(interrupts: list[Interrupt], so_far: Reply, run: Run) -> list[Interrupt]:
    """The interrupts, each with the call that waits: who keeps nothing has to be told it again."""
    told = dict(_snapshot_calls(run))
    told |= {call.id: (call.name or "tool", call.arguments) for call in so_far.open_calls.values()}
    told |= {s.id: (s.name, s.arguments) for s in so_far.steps if isinstance(s, ToolCall)}
    return [_with_call(each, *told.get(each.tool_call_id or "", ("", ""))) for each in interrupts]


def _with_call(interrupt: Interrupt, name: str, arguments: object) -> Interrupt:
    if not name:
        return interrupt
    return replace(interrupt, tool_name=name, tool_arguments=parse_arguments(arguments))


def _call_in_words(so_far: Reply, run: Run, shown: list[Event]) -> list[Event]:
    """The call that an agent wrote as JSON, where it was asked for one and knows no tools."""
    if not run.sent.forced:
        return []
    said = so_far.text + "".join(event.text for event in shown if isinstance(event, TextDelta))
    start, end = said.find("{"), said.rfind("}")
    call = parse_arguments(said[start : end + 1]) if 0 <= start < end else {}
    name = call.get("name")
    if name not in run.sent.tools:
        return []
    given = required_arguments(str(name), call.get("arguments", call.get("parameters")))
    return [ClientToolCall(f"call-{uuid.uuid4().hex[:12]}", str(name), given)]


def _snapshot_calls(run: Run) -> Iterable[tuple[str, tuple[str, Any]]]:
    """Calls that stand in the snapshot alone, like the text of a step that streams nothing."""
    for message in run.snapshot.said:
        for call in map(mapping, items(message.get("toolCalls"))):
            function = mapping(call.get("function"))
            if call_id := identifier(call.get("id")):
                yield call_id, (text(function.get("name")) or "tool", function.get("arguments"))


def _is_the_callers(
    call_id: str, name: str, run: Run, pending: object, waiting: set[str | None]
) -> bool:
    if isinstance(pending, list) and pending:
        return call_id in pending
    if name in run.sent.tools:
        return call_id not in waiting
    return not waiting  # a run that waits for a person has not come to its own tools yet


def _usage(data: JsonMapping) -> list[Event]:
    """Counts of all models of the run together."""
    told = [mapping(entry) for entry in items(data.get("usage"))]
    if not told:
        return []
    models = {model for entry in told if (model := identifier(entry.get("model")))}
    sent, made, *details = (sum(count(entry.get(name)) for entry in told) for name in COUNTS)
    usage = Usage(sent, made, sent + made, *details)
    return [usage, Info(model=models.pop())] if len(models) == 1 else [usage]
