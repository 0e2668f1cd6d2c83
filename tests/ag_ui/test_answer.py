"""What an AG-UI run is read as, event by event, before and after version 1.0."""

from typing import Any

import pytest

from remote_agents import (
    ClientToolCall,
    Interrupt,
    RemoteFailureError,
    ToolCall,
    ToolResult,
    Unknown,
    Update,
    Usage,
)
from remote_agents.wire.ag_ui import Sent
from tests.ag_ui.runs import (
    FINISHED,
    STARTED,
    agent,
    begin,
    call,
    chunk,
    end,
    pieces,
    read,
    result,
    say,
    snapshot,
    told,
    tool,
    user,
    whole,
)

MINE = Sent(tools=frozenset({"weather"}))


# --- text --------------------------------------------------------------------------------------

# Two messages at a time, the second of which is told when the run ends.
BESIDE = [begin("1"), say("1", "I"), begin("2"), say("2", "I think so.")]
TEXTS = {
    "one message": ([*whole("1", "25 days.")], "25 days."),
    "two messages are two paragraphs": (
        [*whole("1", "Let me look."), *whole("2", "25 days.")],
        "Let me look.\n\n25 days.",
    ),
    "written at the same time": (
        [begin("1"), begin("2"), say("1", "A"), say("2", "xy"), say("1", "B"), end("2"), end("1")],
        "AB\n\nxy",
    ),
    "a call ends a message that was not ended": (
        [begin("1"), say("1", "A"), *call("c", "w"), result("c", "1"), *whole("2", "B")],
        "A\n\nB",
    ),
    "chunks": ([chunk(messageId="1", delta="25"), chunk(delta=" days.")], "25 days."),
    "chunks of two messages": (
        [chunk(messageId="1", delta="A"), chunk(messageId="2", delta="B"), chunk(delta="C")],
        "A\n\nBC",
    ),
    "a user's message that is repeated": (
        [begin("u", "user"), say("u", "hi"), end("u"), *whole("1", "A")],
        "A",
    ),
    "a snapshot alone": ([snapshot(user("u", "hi"), agent("1", "25 days."))], "25 days."),
    "a snapshot of parts": (
        [snapshot(user("u", "hi"), agent("1", [{"type": "text", "text": "25 days."}]))],
        "25 days.",
    ),
    "a snapshot that repeats the stream": (
        [*whole("1", "A"), snapshot(user("u", "hi"), agent("1", "A"))],
        "A",
    ),
    "a snapshot that ends what the stream left off": (
        [*whole("1", "A\n\nB"), *whole("2", "C\n\nD"), snapshot(agent("2", "C\n\nD.\n\nE."))],
        "A\n\nB\n\nC\n\nD.\n\nE.",
    ),
    "a snapshot with a text that had waited": (
        [*BESIDE, snapshot(user("u", "hi"), agent("1", "I"), agent("2", "I think so."))],
        "I\n\nI think so.",
    ),
    "a snapshot with a text that had waited, under another id": (
        [*BESIDE, snapshot(user("u", "hi"), agent("x", "I"), agent("y", "I think so."))],
        "I\n\nI think so.",
    ),
    "a snapshot that words it otherwise": (
        [*whole("1", "A b."), snapshot(user("u", "hi"), agent("1", "A c. And b."))],
        "A b.",
    ),
    "a snapshot with other ids than the stream": (
        [*whole("1", "A"), snapshot(user("u", "hi"), agent("x", "A"))],
        "A",
    ),
    "a step that streams and one that does not": (
        [*whole("1", "A"), snapshot(user("u", "hi"), agent("1", "A"), agent("2", "B"))],
        "A\n\nB",
    ),
    "the newest of several snapshots": (
        [snapshot(user("u", "hi"), agent("1", "A")), snapshot(user("u", "hi"), agent("1", "AB"))],
        "AB",
    ),
    "a snapshot of the whole thread": (
        [snapshot(user("u1", "hi"), agent("1", "A"), user("u2", "and?"), agent("2", "B"))],
        "B",
    ),
    "a snapshot before the answer": (
        [snapshot(user("u1", "hi"), agent("1", "A"), user("u2", "and?")), *whole("2", "B")],
        "B",
    ),
    "a result of the run": ([{**FINISHED, "result": "25 days."}], "25 days."),
    "a result that is an object": ([{**FINISHED, "result": {"days": 25}}], '{"days": 25}'),
    "a result of parts": ([{**FINISHED, "result": [{"type": "text", "text": "25"}]}], "25"),
    "a result beside a text": ([*whole("1", "A"), {**FINISHED, "result": "done"}], "A"),
    "nothing": ([], ""),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text(case: str) -> None:
    events, text = TEXTS[case]
    ends = [] if events and events[-1]["type"] == "RUN_FINISHED" else [FINISHED]
    reply = told([STARTED, *events, *ends])
    assert reply.text == text
    assert reply.finish_reason == "stop"
    assert reply.conversation_id == "t"
    assert not reply.beside


def test_pieces_are_shown_as_they_come() -> None:
    assert pieces([STARTED, begin("1"), say("1", "2"), say("1", "5"), end("1")]) == ["2", "5"]


def test_text_that_waits_is_not_lost_when_the_run_breaks_off() -> None:
    reply = told([STARTED, begin("1"), begin("2"), say("1", "A"), say("2", "x")])
    assert reply.text + "".join(reply.beside) == "Ax"


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("started", [True, False])
def test_a_text_that_was_begun_and_not_ended_is_not_whole(
    started: bool, ended: bool, finished: bool
) -> None:
    reply = told(
        [*[STARTED] * started, begin("1"), say("1", "A"), *[end("1")] * ended]
        + [FINISHED] * finished
    )
    assert (reply.finish_reason == "stop") is finished
    assert reply.more_expected is (started or not ended)


# --- reasoning ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["THINKING_TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_CHUNK"],
)
def test_reasoning(kind: str) -> None:
    thoughts = [{"type": kind, "delta": "let "}, {"type": kind, "delta": "me see"}]
    assert told([STARTED, *thoughts, FINISHED]).reasoning == "let me see"


def test_two_thoughts_are_two_paragraphs() -> None:
    kind = "REASONING_MESSAGE_CONTENT"
    thoughts = [{"type": kind, "messageId": i, "delta": i} for i in "aab"]
    assert told([STARTED, *thoughts, FINISHED]).reasoning == "aa\n\nb"


def test_reasoning_of_a_snapshot() -> None:
    thought = {"id": "x", "role": "reasoning", "content": "hm"}
    reply = told([STARTED, snapshot(user("u", "hi"), thought, agent("1", "A")), FINISHED])
    assert (reply.reasoning, reply.text) == ("hm", "A")


# --- calls -------------------------------------------------------------------------------------

PARIS = {"city": "Paris"}
ASKED = ClientToolCall("c", "weather", PARIS)
OWN = ToolCall("c", "weather", PARIS)
RAN = [OWN, ToolResult("c", "sunny")]
CALLED = call("c", "weather", '{"city": ', '"Paris"}')
CHUNKED = [
    {"type": "TOOL_CALL_CHUNK", "toolCallId": "c", "toolCallName": "weather", "delta": '{"city": '},
    {"type": "TOOL_CALL_CHUNK", "delta": '"Paris"}'},
]
IN_SNAPSHOT = snapshot(user("u", "hi"), agent("1", None, ("c", "weather", '{"city": "Paris"}')))
WITH_RESULT = snapshot(*IN_SNAPSHOT["messages"], tool("c", "sunny"), agent("2", "It is."))
PENDING = {"type": "success", "pendingToolCallIds": ["c"]}
CALLS: dict[str, tuple[list[Any], Sent, list[Any], list[Any]]] = {
    "nobody answered": (CALLED, Sent(), [], [ASKED]),
    "nobody answered, the caller's": (CALLED, MINE, [], [ASKED]),
    "in chunks": (CHUNKED, Sent(), [], [ASKED]),
    "in a snapshot alone": ([IN_SNAPSHOT], MINE, [], [ASKED]),
    "streamed and in a snapshot": ([*CALLED, IN_SNAPSHOT], MINE, [], [ASKED]),
    "streamed without arguments": ([*call("c", "weather"), IN_SNAPSHOT], MINE, [], [ASKED]),
    "the server's own": ([*CALLED, result("c", "sunny")], Sent(), RAN, []),
    "the server's own, of the same name": ([*CALLED, result("c", "sunny")], MINE, RAN, []),
    "its result in a snapshot alone": ([*CALLED, WITH_RESULT], MINE, RAN, []),
    "all in a snapshot": ([WITH_RESULT], Sent(), RAN, []),
    "the agent went on by itself": ([*CALLED, *whole("2", "It is.")], Sent(), [OWN], []),
    "the caller's, and a remark": ([*CALLED, *whole("2", "I asked.")], MINE, [], [ASKED]),
    "the caller's, after a remark": ([*whole("1", "I ask."), *CALLED], Sent(), [], [ASKED]),
    "two at a time, whose arguments are streamed as the first one's": (  # as Tencent's server does
        [
            *call("c", "weather", '{"city": "Paris"}', '{"city": "Oslo"}'),
            snapshot(
                user("u", "hi"),
                agent(
                    "1",
                    None,
                    ("c", "weather", '{"city": "Paris"}'),
                    ("d", "weather", '{"city": "Oslo"}'),
                ),
            ),
        ],
        MINE,
        [],
        [ASKED, ClientToolCall("d", "weather", {"city": "Oslo"})],
    ),
    "two at a time": (
        [*CALLED, *call("d", "weather", "{}")],
        MINE,
        [],
        [ASKED, ClientToolCall("d", "weather", {})],
    ),
    "the caller's and the server's": (
        [*call("d", "find", "{}"), *CALLED, result("d", "x")],
        MINE,
        [ToolCall("d", "find", {}), ToolResult("d", "x")],
        [ASKED],
    ),
    "named as pending": (
        [*CALLED, *call("d", "find"), {**FINISHED, "outcome": PENDING}],
        Sent(),
        [ToolCall("d", "find", {})],
        [ASKED],
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(case: str) -> None:
    events, sent, steps, asked = CALLS[case]
    ends = [] if events[-1]["type"] == "RUN_FINISHED" else [FINISHED]
    reply = told([STARTED, *events, *ends], sent)
    assert reply.steps == steps
    assert reply.tool_calls == asked
    assert reply.finish_reason == ("tool_calls" if asked else "stop")
    assert not reply.open_calls


def test_what_the_callers_own_tool_gave_is_no_step() -> None:
    sent = Sent(frozenset({"weather"}), frozenset({"u", "of-c"}), frozenset({"c"}))
    reply = told([STARTED, result("c", "sunny"), *whole("2", "It is."), FINISHED], sent)
    assert (reply.text, reply.steps) == ("It is.", [])


# --- interrupts --------------------------------------------------------------------------------

MAY_I = {"question": "May I delete it?"}
LEGACY = {"type": "CUSTOM", "name": "on_interrupt", "value": '{"question": "May I delete it?"}'}
STRUCTURED = {"id": "i", "reason": "approval", "message": "May I delete it?", "toolCallId": "c"}
INTERRUPTS: dict[str, tuple[list[Any], Interrupt]] = {
    "LangGraph's": ([LEGACY, FINISHED], Interrupt(None, "May I delete it?", MAY_I)),
    "LangGraph's, as Tencent's server repeats it": (
        [{**LEGACY, "value": str(MAY_I)}, FINISHED],
        Interrupt(None, "May I delete it?", MAY_I),
    ),
    "LangGraph's, as a text": (
        [{**LEGACY, "value": "May I delete it?"}, FINISHED],
        Interrupt(None, "May I delete it?", "May I delete it?"),
    ),
    "LangGraph's, with its id": (
        [{**LEGACY, "rawEvent": {"id": "i", "value": {}}}, FINISHED],
        Interrupt("i", "May I delete it?", MAY_I),
    ),
    "AG-UI 1.0's": (
        [{**FINISHED, "outcome": {"type": "interrupt", "interrupts": [STRUCTURED]}}],
        Interrupt("i", "May I delete it?", STRUCTURED, "c", "resume"),
    ),
    "both of one": (
        [LEGACY, {**FINISHED, "outcome": {"type": "interrupt", "interrupts": [STRUCTURED]}}],
        Interrupt("i", "May I delete it?", STRUCTURED, "c", "resume"),
    ),
    "AG-UI 1.0's of LangGraph": (
        [
            {
                **FINISHED,
                "outcome": {
                    "type": "interrupt",
                    "interrupts": [
                        {"id": "i", "reason": "x", "metadata": {"langgraph": {"raw": MAY_I}}}
                    ],
                },
            }
        ],
        Interrupt("i", "May I delete it?", MAY_I, None, "resume"),
    ),
    "the draft's": (
        [
            {
                **FINISHED,
                "outcome": "interrupt",
                "interrupt": {"id": "i", "reason": "approval", "payload": MAY_I},
            }
        ],
        Interrupt("i", "May I delete it?", MAY_I, None, "draft"),
    ),
}


@pytest.mark.parametrize("case", INTERRUPTS)
def test_interrupts(case: str) -> None:
    events, interrupt = INTERRUPTS[case]
    reply = told([STARTED, *events])
    assert reply.interrupts == [interrupt]
    assert reply.finish_reason == "interrupt"
    assert reply.metadata()["interrupts"] == [interrupt.to_dict()]


def test_a_call_that_waits_for_approval_is_the_servers() -> None:
    outcome = {"type": "interrupt", "interrupts": [STRUCTURED]}
    reply = told([STARTED, *CALLED, {**FINISHED, "outcome": outcome}])
    assert (reply.steps, reply.tool_calls) == ([OWN], [])


# --- what is shown and not kept ----------------------------------------------------------------

KEPT_OUT = [
    {"type": "STATE_SNAPSHOT", "snapshot": {"messages": ["all"] * 100, "n": 1}},
    {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/n", "value": 2}]},
    {"type": "STEP_STARTED", "stepName": "a"},
    {"type": "STEP_FINISHED", "stepName": "a"},
    {"type": "ACTIVITY_SNAPSHOT", "messageId": "m", "activityType": "a", "content": {}},
    {"type": "ACTIVITY_DELTA", "messageId": "m", "activityType": "a", "patch": []},
    {"type": "CUSTOM", "name": "PredictState", "value": []},
]


def test_updates_are_shown_and_never_kept() -> None:
    events, reply = read([STARTED, *KEPT_OUT, *whole("1", "A"), FINISHED])
    shown = [event.kind for event in events if isinstance(event, Update)]
    assert shown == [data["type"] for data in KEPT_OUT]
    assert reply.steps == []
    assert reply.state == {"n": 2}
    assert "state" not in reply.metadata()


@pytest.mark.parametrize(
    "kind", ["RAW", "META_EVENT", "REASONING_ENCRYPTED_VALUE", "REASONING_START"]
)
def test_known_and_of_no_concern(kind: str) -> None:
    events, _ = read([{"type": kind, "event": {"data": "x" * 100}}])
    assert events == []


def test_an_event_of_the_future_is_unknown() -> None:
    data = {"type": "HOLOGRAM", "delta": "x"}
    assert read([data])[0] == [Unknown(data)]


# --- usage and failures ------------------------------------------------------------------------


def test_usage_of_all_models_together() -> None:
    usage = [{"model": "a", "inputTokens": 3, "outputTokens": 2}, {"inputTokens": 1}]
    reply = told([STARTED, {**FINISHED, "usage": usage}])
    assert reply.usage == Usage(4, 2, 6)
    assert reply.model == "a"


def test_a_run_that_failed() -> None:
    with pytest.raises(RemoteFailureError, match="no model") as caught:
        read([STARTED, {"type": "RUN_ERROR", "message": "no model", "code": "E"}])
    assert caught.value.code == "E"


def test_a_run_that_was_stopped() -> None:
    with pytest.raises(RemoteFailureError, match="stopped"):
        read([STARTED, *whole("1", "A"), {**FINISHED, "outcome": {"type": "cancelled"}}])


# --- ids ---------------------------------------------------------------------------------------

IDS = {
    "of the text": ([*whole("1", "A")], "1"),
    "of the newest text": ([*whole("1", "A"), *whole("2", "B")], "2"),
    "of chunks": ([chunk(messageId="1", delta="A")], "1"),
    "of the message that calls": (call("c", "weather", parent="3"), "3"),
    "of a snapshot": ([*call("c", "weather"), snapshot(user("u", "hi"), agent("4"))], "4"),
}


@pytest.mark.parametrize("case", IDS)
def test_the_reply_has_the_id_that_the_service_knows_it_by(case: str) -> None:
    events, reply_id = IDS[case]
    assert told([STARTED, *events, FINISHED]).reply_id == reply_id
