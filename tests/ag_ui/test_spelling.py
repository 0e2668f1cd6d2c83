"""Servers that dump Python's models of the events spell their fields in snake_case."""

import json
import re
from typing import Any

import pytest

from remote_agents import Usage
from remote_agents.types import Reply
from remote_agents.wire.ag_ui import Sent
from tests.ag_ui.runs import FINISHED, STARTED, begin, call, end, result, say, snapshot, told, user
from tests.ag_ui.test_answer import CALLS, IDS, INTERRUPTS, TEXTS

MODELS = [{"model": "m", "inputTokens": 3, "outputTokens": 2}]
THOUGHTS = [
    {"type": "REASONING_MESSAGE_CONTENT", "messageId": name, "delta": name} for name in "aab"
]
RUNS: dict[str, tuple[list[Any], Sent]] = {
    **{name: (events, Sent()) for name, (events, _) in {**TEXTS, **IDS, **INTERRUPTS}.items()},
    **{name: (events, sent) for name, (events, sent, *_) in CALLS.items()},
    "thoughts": (THOUGHTS, Sent()),
    "usage": ([{**FINISHED, "usage": MODELS}], Sent()),
}


def snake(events: Any) -> Any:
    """Events as `model_dump()` without aliases writes them."""
    said = re.sub(
        r'"([a-z]+[A-Z]\w*)":',
        lambda name: re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", name[0]),
        json.dumps(events),
    )
    return json.loads(said)


def known(reply: Reply) -> dict[str, Any]:
    told = {**reply.metadata(), "text": reply.text, "reasoning": reply.reasoning}
    told.pop("raw", None)
    return {**told, "steps": reply.steps, "calls": reply.tool_calls, "usage": reply.usage}


@pytest.mark.parametrize("case", RUNS)
def test_a_run_in_snake_case_is_read_as_any(case: str) -> None:
    events, sent = RUNS[case]
    ends = [] if events and events[-1]["type"] == "RUN_FINISHED" else [FINISHED]
    run = [STARTED, *events, *ends]
    assert "_id" in json.dumps(snake(run))
    assert known(told(snake(run), sent)) == known(told(run, sent))


def test_without_a_start() -> None:
    reply = told(snake([*call("c", "weather", "{}"), result("c", "x"), begin("1"), say("1", "A")]))
    assert (reply.text, reply.steps[0].name) == ("A", "weather")


def test_what_is_the_servers_own_keeps_its_spelling() -> None:
    state = {"type": "STATE_SNAPSHOT", "snapshot": {"user_name": "Ada"}}
    asked = {"type": "CUSTOM", "name": "on_interrupt", "value": {"may_i": 1}, "raw_event": None}
    reply = told([*snake([STARTED]), state, asked, *snake([FINISHED])])
    assert reply.state == {"user_name": "Ada"}
    assert reply.interrupts[0].value == {"may_i": 1}


def test_a_field_of_a_servers_own_does_not_respell_the_others() -> None:
    own = {**STARTED, "x_trace": "1"}
    reply = told([own, begin("1"), say("1", "A"), end("1"), {**FINISHED, "usage": MODELS}])
    assert (reply.text, reply.usage, reply.conversation_id) == ("A", Usage(3, 2, 5), "t")


def test_a_snapshot_in_snake_case() -> None:
    asked = {"id": "1", "role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "w"}}]}
    held = snapshot(user("u", "hi"), asked)
    assert told([*snake([STARTED]), held, *snake([FINISHED])]).tool_calls[0].name == "w"


SHOWN = {  # what Python shows of a value, and what is kept of it
    "{'question': 'May I?\\ud83d', 'of': {'b', 'a'}}": {
        "question": "May I?\ufffd",
        "of": ["a", "b"],
    },
    "[...]": "[...]",
}


@pytest.mark.parametrize("shown", SHOWN)
def test_an_interrupt_that_python_wrote_holds_json(shown: str) -> None:
    """Whatever it may be, a checkpoint has to keep it."""
    asked = {"type": "CUSTOM", "name": "on_interrupt", "value": shown}
    (interrupt,) = told([STARTED, asked, FINISHED]).interrupts
    assert interrupt.value == SHOWN[shown]
    json.dumps(interrupt.to_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize("snake_case", [True, False])
@pytest.mark.parametrize(
    ("told_reason", "reason"),
    [("length", "length"), ("content-filter", "content_filter"), ("tool-calls", "stop")],
)
def test_an_answer_that_was_cut_off_says_so(
    told_reason: str, reason: str, snake_case: bool
) -> None:
    """As CopilotKit's runtime (1.75.0) ends a run of its built-in agent, in AI SDK's words."""
    events = [STARTED, say("1", "Half a"), {**FINISHED, "finishReason": told_reason}]
    assert told(snake(events) if snake_case else events).finish_reason == reason
