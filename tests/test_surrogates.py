"""Letters that a service cut in half, in texts, reasoning and the arguments of calls."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from remote_agents import AGUI, AgentError, BlueNexus, CloudBase, MaiAgent
from remote_agents.client import Client
from remote_agents.services.cloudbase.suggestions import questions_in
from remote_agents.types import (
    Alternative,
    Citation,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from remote_agents.wire.surrogates import SurrogateJoiner
from tests.raw_server import head, serving

FIRST, SECOND = "\ud83c", "\udfd6"


def frames(*values: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(value).encode() for value in values)


def asked(stream: bytes) -> Any:
    with serving([head(), stream]) as server:
        agent = CloudBase(base_url=server.url, agent_id="bot-1", api_key="k", max_retries=0)
        return agent.ask("Hi")


def test_text_and_reasoning_are_joined_each_by_itself() -> None:
    said = {"finish_reason": "continue", "content": ""}
    reply = asked(
        frames(
            {"type": "thinking", "reasoning_content": f"so {FIRST}", **said},
            {**said, "type": "text", "content": f"Enjoy {FIRST}"},
            {"type": "thinking", "reasoning_content": f"{SECOND}!", **said},
            {**said, "type": "text", "content": f"{SECOND} your leave"},
            {"type": "finish", "finish_reason": "stop"},
        )
    )
    assert (reply.reasoning, reply.text) == ("so 🏖!", "Enjoy 🏖 your leave")


SAID = f"It broke. {FIRST}"
FAILED = frames({"error": {"message": SAID, "code": SAID}})
PIECE = {"delta": {"content": f"Hi {FIRST}"}, "error": {"message": SAID}}
FAILURES: dict[str, tuple[type[Client], str, bytes]] = {
    "a frame": (BlueNexus, "200 OK", FAILED),
    "a choice": (BlueNexus, "200 OK", frames({"choices": [PIECE]})),
    "an event": (BlueNexus, "200 OK", b"event: error\n" + frames({"message": SAID})),
    "a body": (BlueNexus, "200 OK", FAILED[6:]),
    "a refusal": (BlueNexus, "400 Bad Request", FAILED[6:]),
    "a refusal as an event": (BlueNexus, "400 Bad Request", FAILED),
    "a run": (AGUI, "200 OK", frames({"type": "RUN_ERROR", "message": SAID, "code": SAID})),
    "a turn": (CloudBase, "200 OK", frames({"type": "error", "error": {"message": SAID}})),
    "a detail": (MaiAgent, "200 OK", frames({"detail": SAID})),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", FAILURES)
def test_what_a_failure_says_can_be_written_down(how: str, stream: bool) -> None:
    make, status, body = FAILURES[how]
    where = {} if make is AGUI else {"agent_id": "bot-1"}
    with serving([head("text/event-stream", status), body]) as server:
        agent = make(base_url=server.url, api_key="key", max_retries=0, **where)
        with pytest.raises(AgentError, match="It broke") as caught:
            _ = [*agent.stream("Hi")] if stream else agent.ask("Hi")
    told = {**vars(caught.value), "said": str(caught.value)}
    json.dumps(told, ensure_ascii=False).encode()
    assert told["partial"] == ("Hi \ufffd" if how == "a choice" else "")


def test_a_suggested_question_is_joined() -> None:
    said = frames({"type": "text", "content": f"Leave {FIRST}"}, {"content": f"{SECOND}?\n"})
    assert questions_in(said.decode()) == ["Leave 🏖?"]


def test_the_arguments_of_two_calls_are_joined_each_by_itself() -> None:
    def arguments(call: str, delta: str) -> dict[str, str]:
        return {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": delta}

    reply = asked(
        frames(
            {"type": "RUN_STARTED", "threadId": "t"},
            *(
                {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": "book"}
                for call in "ab"
            ),
            arguments("a", f'{{"where": "{FIRST}'),
            arguments("b", f'{{"where": "b{FIRST}'),
            arguments("a", f'{SECOND}"}}'),
            arguments("b", f'{SECOND}"}}'),
            *({"type": "TOOL_CALL_RESULT", "toolCallId": call, "content": "ok"} for call in "ab"),
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "Done."},
            {"type": "RUN_FINISHED"},
        )
    )
    calls = [step.arguments for step in reply.steps if isinstance(step, ToolCall)]
    assert calls == [{"where": "🏖"}, {"where": "b🏖"}]


def test_a_half_without_another_is_shown_as_one() -> None:
    lost = frames({"type": "text", "content": f"a{FIRST}"}, {"type": "text", "content": "b"})
    end = frames({"type": "text", "content": f"c{FIRST}"}, {"type": "finish"})
    assert asked(lost + end).text == "a\ufffdbc\ufffd"


def test_everything_else_is_mended_where_it_stands() -> None:
    citation = Citation(title=FIRST, extra={"a": [FIRST + SECOND]})
    (mended,) = SurrogateJoiner().join([citation])
    assert mended == Citation(title="\ufffd", extra={"a": ["🏖"]})


UNITS = st.text(st.sampled_from(["a", FIRST, SECOND, "ü"]), max_size=8)
KINDS = (TextDelta, ReasoningDelta, lambda text: Alternative(1, text))


@pytest.mark.fuzz
@given(UNITS, st.lists(st.integers(0, 8), max_size=4), st.sampled_from(KINDS))
def test_any_cut_gives_the_same_letters(units: str, places: list[int], kind: Any) -> None:
    borders = [0, *sorted(min(place, len(units)) for place in places), len(units)]
    pieces = [units[a:b] for a, b in pairwise(borders)]
    halves = SurrogateJoiner()
    events: list[Event] = [each for piece in pieces for each in halves.join([kind(piece)])]
    joined = "".join(event.text for event in events if hasattr(event, "text"))
    whole = units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert joined == whole.removesuffix("\ufffd") if units.endswith(FIRST) else joined == whole
    joined.encode()


def test_pieces_of_a_call_keep_its_name() -> None:
    halves = SurrogateJoiner()
    events = halves.join([ToolCallDelta("a", "book", FIRST), ToolCallDelta("a", None, SECOND)])
    assert events == [ToolCallDelta("a", "book", ""), ToolCallDelta("a", None, "🏖")]
