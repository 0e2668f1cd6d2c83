"""AG-UI from the server's side, as CloudBase's newer agents and others speak it.

It is as strict as `ag-ui-langgraph`, on which Tencent's own server runs: a message whose id the
thread knows is dropped, and so is a leading system message.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox.files import Files
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Answer, Ask
from remote_agents.sandbox.run_input import Run
from remote_agents.sandbox.service import Service, Turn
from remote_agents.sandbox.serving.wire import Refusal, data, dumps, new_id, short_id
from remote_agents.sandbox.tool_calls import (
    choose_call,
    is_instruction,
    newest_question,
    results_as_text,
)

LANGCHAIN_TYPES = {"user": "human", "assistant": "ai"}
APPROVED = (True, "yes", "y", "ok", "approve", "approved", "true")
Event = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """How a server tells what it has in common with others.

    Args:
        modern: Whether it speaks AG-UI 1.0, or what was before it.
        asks: Whether its agent asks a person before it acts, or calls a tool of the caller's.
    """

    modern: bool
    asks: bool = False


# --- the thread --------------------------------------------------------------------------------


def unknown_of(run: Run, stored: Iterable[JsonObject]) -> list[JsonObject]:
    """The messages that the thread does not have yet; a leading system message is dropped."""
    known = {row["id"] for row in stored}
    messages = run.messages[1:] if _leads_with_system(run.messages) else run.messages
    return [message for message in messages if message["id"] not in known]


def _edited(run: Run, stored: Iterable[JsonObject]) -> JsonObject | None:
    """The first question that the thread knows with another text, if the run holds one."""
    said = {row["id"]: row["content"] for row in stored if row["role"] == "user"}
    edited = (m for m in run.messages if m["role"] == "user" and m["id"] in said)
    return next((m for m in edited if m["content"] != said[m["id"]]), None)


def _leads_with_system(messages: list[JsonObject]) -> bool:
    return bool(messages) and messages[0]["role"] == "system"


def _understood(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages as a model understands them: instructions ask nothing, whoever brings them."""
    return [{**each, "role": "system"} if is_instruction(each) else each for each in messages]


async def begin(
    box: Service, endpoint: str, agent: str, run: Run, files: Files, lost: Refusal, *, modern: bool
) -> tuple[Turn, list[JsonObject]]:
    """Accept a run: the turn, and what its thread held before with what is new.

    A thread begins with its first message; one that was lost is refused with `lost`. A modern
    server goes back to a question that was edited, and asks it alone.
    """
    if box.store.is_lost(endpoint, run.thread):
        raise lost
    if box.store.conversation(endpoint, run.thread) is None:
        box.store.add_conversation(endpoint, agent, run.thread)
    fresh = unknown_of(run, rows := box.store.messages(endpoint, run.thread))
    if modern and not run.resumes and (edited := _edited(run, rows)):
        box.store.go_back(endpoint, run.thread, edited["id"])
        fresh = [edited]
    stored = box.stored(endpoint, run.thread)
    turn = await box.begin(
        endpoint,
        agent,
        Ask(_understood(fresh), [*run.context, *_understood(stored), *files.said], files.names),
        stream=True,
        conversation=run.thread,
        sent=fresh,
    )
    return turn, [*stored, *fresh]


# --- frames ------------------------------------------------------------------------------------


async def frames(turn: Turn, run: Run, held: list[JsonObject], dialect: Dialect) -> Frames:
    """A whole run: a call of the caller's tool, a question to a person, or an answer."""
    whole = run.ids
    version = {"protocolVersion": "1.0"} if dialect.modern else {}
    yield data({"type": "RUN_STARTED", **whole, **version})
    finish: Event = {"type": "RUN_FINISHED", **whole}
    ended = _unanswered(turn, run, held, finish, dialect)
    thinks = [_step("STARTED"), *_thoughts(turn.answer.reasoning, dialect), *_search(turn)]
    for event in ended or thinks:
        yield data(event)
    if ended:
        return
    message = {"messageId": turn.reply_id}
    yield data({"type": "TEXT_MESSAGE_START", **message, "role": "assistant"})
    async for word in turn.words():
        if word.text:
            yield data({"type": "TEXT_MESSAGE_CONTENT", **message, "delta": word.text})
    yield data({"type": "TEXT_MESSAGE_END", **message})
    said = {"id": turn.reply_id, "role": "assistant", "content": turn.text}
    for event in _through(held, said, run):
        yield data(event)
    yield data({**finish, **_outcome(turn, dialect, {"type": "success"})})


def _unanswered(
    turn: Turn, run: Run, held: list[JsonObject], finish: Event, dialect: Dialect
) -> list[Event]:
    """How a run ends that has no answer; nothing for others, whose answer is then settled."""
    waiting, results = turn.service.waiting, _results(held)
    place = (turn.endpoint, finish["threadId"])
    if dialect.asks and not (run.resumes or results):
        if place in waiting:
            return _asked_again(waiting[place], finish, dialect)
        waiting[place] = _approval(turn)
        ran = [_step("STARTED"), _state(held, run), _told(held), _step("FINISHED")]
        return _interrupted(ran, waiting[place], finish, dialect)
    task = waiting.pop(place, None)
    settled = _settled(task, run.answer) if run.resumes else None
    may = settled is None or (task is not None and _approved(run.answer))
    if may and (chosen := choose_call(turn.service.brain, turn.ask, run, held)):
        return _calls(turn, *chosen, run, held, finish, dialect)
    if settled is not None:
        turn.answer = settled
    elif results:
        told = results_as_text(turn.service.brain, newest_question(held), results)
        turn.answer = Answer(told, "The tools have answered.")
    return []


Frames = AsyncGenerator[str, None]


def _outcome(turn: Turn, dialect: Dialect, outcome: Event) -> Event:
    if not dialect.modern:
        return {}
    counted = {"inputTokens": turn.prompt_tokens, "outputTokens": turn.completion_tokens}
    return {"outcome": outcome, "usage": [{"model": "sandbox", **counted}]}


def _step(moment: str) -> Event:
    return {"type": f"STEP_{moment}", "stepName": "agent"}


def _through(held: list[JsonObject], said: JsonObject, run: Run) -> list[Event]:
    """How a run leaves its step, and tells the whole thread, as that of a LangGraph agent."""
    whole = [*held, said]
    return [_state([said], run), _step("FINISHED"), _state(whole, run), _told(whole)]


def _state(messages: list[JsonObject], run: Run) -> Event:
    """The state of a LangGraph agent: its messages in LangChain's form, and the caller's tools."""
    kept = {"messages": [_langchain_message(each) for each in messages], "tools": run.tools}
    return {"type": "STATE_SNAPSHOT", "snapshot": kept}


def _langchain_message(message: JsonObject) -> JsonObject:
    extra = message.get("extra") or message
    form: JsonObject = {
        "content": message["content"],
        "additional_kwargs": {},
        "response_metadata": {},
        "type": LANGCHAIN_TYPES.get(message["role"], message["role"]),
        "id": message["id"],
    }
    if message["role"] == "tool":
        return {**form, "tool_call_id": extra.get("toolCallId"), "status": "success"}
    if message["role"] != "assistant":
        return form
    functions = [(call["id"], call["function"]) for call in extra.get("toolCalls") or ()]
    calls = [
        {"name": of["name"], "args": json.loads(of["arguments"]), "id": id_, "type": "tool_call"}
        for id_, of in functions
    ]
    return {**form, "tool_calls": calls, "invalid_tool_calls": []}


def _told(messages: list[JsonObject]) -> Event:
    told = [_snapshot_message(message) for message in messages]
    return {"type": "MESSAGES_SNAPSHOT", "messages": told}


def _snapshot_message(message: JsonObject) -> JsonObject:
    extra = message.get("extra") or message
    kept = {key: extra[key] for key in ("toolCalls", "toolCallId") if key in extra}
    return {**{key: message[key] for key in ("id", "role", "content")}, **kept}


def halves(text: str) -> list[str]:
    """A text in two pieces, where it has two sentences."""
    middle = text.find(". ") + 1
    return [text[:middle], text[middle:]] if middle else [text]


def _thoughts(text: str, dialect: Dialect) -> list[Event]:
    if not dialect.modern:
        deltas = [{"type": "THINKING_TEXT_MESSAGE_CONTENT", "delta": d} for d in halves(text)]
        return [
            {"type": "THINKING_START"},
            {"type": "THINKING_TEXT_MESSAGE_START"},
            *deltas,
            {"type": "THINKING_TEXT_MESSAGE_END"},
            {"type": "THINKING_END"},
        ]
    of = {"messageId": f"reasoning-{short_id()}"}
    return [{"type": "REASONING_MESSAGE_CHUNK", **of, "delta": d} for d in halves(text)]


def _search(turn: Turn) -> list[Event]:
    """The agent's own search, which it has answered itself before it speaks."""
    if not turn.answer.query:
        return []
    names = ("title", "filename", "url", "text", "score")
    hits = [{name: found[name] for name in names} for found in turn.citations]
    call = {"toolCallId": f"call-{short_id()}"}
    return [
        *_called(call, "search_knowledge_base", {"query": turn.answer.query}),
        {
            "type": "TOOL_CALL_RESULT",
            "messageId": new_id(),
            **call,
            "role": "tool",
            "content": json.dumps(hits, ensure_ascii=False),
        },
    ]


def _called(call: Event, name: str, given: object, parent: Event | None = None) -> list[Event]:
    text = dumps(given)
    middle = len(text) // 2
    return [
        {"type": "TOOL_CALL_START", **call, "toolCallName": name, **(parent or {})},
        {"type": "TOOL_CALL_ARGS", **call, "delta": text[:middle]},
        {"type": "TOOL_CALL_ARGS", **call, "delta": text[middle:]},
        {"type": "TOOL_CALL_END", **call},
    ]


# --- the caller's tools ------------------------------------------------------------------------


def _calls(
    turn: Turn,
    name: str,
    given: JsonObject,
    run: Run,
    held: list[JsonObject],
    finish: Event,
    dialect: Dialect,
) -> list[Event]:
    """The run ends with a call that the caller has to answer in the next one."""
    call = f"call-{short_id()}"
    function = {"name": name, "arguments": dumps(given)}
    told = [{"id": call, "type": "function", "function": function}]
    turn.kept = True
    if turn.shelf is not None:
        turn.service.store.add_message(
            turn.endpoint,
            turn.agent,
            turn.shelf,
            "assistant",
            "",
            id_=turn.reply_id,
            toolCalls=told,
        )
    parent = {"parentMessageId": turn.reply_id} if dialect.modern else {}
    outcome = {"type": "success", "pendingToolCallIds": [call]}
    said = {"id": turn.reply_id, "role": "assistant", "content": "", "toolCalls": told}
    return [
        _step("STARTED"),
        *_called({"toolCallId": call}, name, given, parent),
        *_through(held, said, run),
        {**finish, **_outcome(turn, dialect, outcome)},
    ]


def _results(messages: list[JsonObject]) -> list[str]:
    """What the caller's tools gave since the newest question."""
    results: list[str] = []
    for message in reversed(messages):
        if is_instruction(message):
            continue
        if message["role"] != "tool":
            break
        results.insert(0, str(message["content"]))
    return results


# --- a person's approval -----------------------------------------------------------------------


def _approval(turn: Turn) -> Event:
    asked = turn.ask.dialogue[-1][1] if turn.ask.dialogue else ""
    return {"id": f"interrupt-{short_id()}", "task": asked, "question": f"May I do this: {asked}"}


def _interrupted(ran: list[Event], asked: Event, finish: Event, dialect: Dialect) -> list[Event]:
    value = {"question": asked["question"]}
    if not dialect.modern:
        paused = {"type": "CUSTOM", "name": "on_interrupt", "value": dumps(value)}
        return [*ran[:1], paused, *ran[1:], finish]
    told = {"id": asked["id"], "reason": "approval", "message": asked["question"]}
    return [*ran, {**finish, "outcome": {"type": "interrupt", "interrupts": [told]}}]


def _asked_again(asked: Event, finish: Event, dialect: Dialect) -> list[Event]:
    """What a thread that waits already says to a new question: it goes through no step.

    Tencent's server begins it twice then, and writes the question as Python does.
    """
    if dialect.modern:
        return _interrupted([], asked, finish, dialect)
    value = str({"question": asked["question"]})
    again = {**finish, "type": "RUN_STARTED"}
    return [again, {"type": "CUSTOM", "name": "on_interrupt", "value": value}, finish]


def _settled(asked: Event | None, answer: object) -> Answer:
    if asked is None:
        return Answer("There was nothing to decide.")
    return Answer(f"{'Done' if _approved(answer) else 'I left it alone'}: {asked['task']}")


def _approved(answer: object) -> bool:
    if isinstance(answer, dict):
        answer = answer.get("approved", answer.get("type"))
    return (answer.lower() if isinstance(answer, str) else answer) in APPROVED
