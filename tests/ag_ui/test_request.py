"""What an AG-UI request holds: each message under an id that stays its own."""

import time
from typing import Any

import pytest

from remote_agents import AGUI, Attachment, ClientToolCall, Interrupt, Message
from remote_agents.sandbox import Sandbox
from remote_agents.types import Turn
from remote_agents.wire.ag_ui import run_input, sent_in

CALL = ClientToolCall("c", "weather", {"city": "Köln"})


def body(*messages: Message, history: tuple[Message, ...] = (), **options: Any) -> dict[str, Any]:
    return run_input(Turn("a", messages, options=options, history=history), "t")


def test_all_messages_at_hand_go_along_in_order() -> None:
    history = (Message("user", "a", id="1"), Message("assistant", "b", id="2"))
    sent = body(Message("user", "c", id="3"), history=history)["messages"]
    assert [(m["id"], m["role"], m["content"]) for m in sent] == [
        ("1", "user", "a"),
        ("2", "assistant", "b"),
        ("3", "user", "c"),
    ]


def test_an_id_that_stands_twice_is_made_two() -> None:
    """The agent would drop the second message."""
    sent = body(*(Message("user", "yes", id=given) for given in ("1", "1-2", "1", "1", "1-2")))
    ids = [message["id"] for message in sent["messages"]]
    assert ids == ["1", "1-2", "1-3", "1-4", "1-2-2"]


def test_an_id_that_stands_many_times_takes_linear_time() -> None:
    begun = time.process_time()
    sent = body(*[Message("user", "yes", id="1")] * 20_000)["messages"]
    assert len({message["id"] for message in sent}) == len(sent)
    assert time.process_time() - begun < 5


def test_messages_without_an_id_get_new_ones() -> None:
    ids = [body(Message("user", "hi"))["messages"][0]["id"] for _ in range(2)]
    assert ids[0] != ids[1]


def test_a_run_has_an_id_of_its_own() -> None:
    assert body(Message("user", "a"))["runId"] != body(Message("user", "a"))["runId"]


def test_every_field_is_there() -> None:
    empty = body(Message("user", "a"))
    assert {k: v for k, v in empty.items() if k not in ("runId", "messages")} == {
        "threadId": "t",
        "tools": [],
        "context": [],
        "state": {},
        "forwardedProps": {},
    }
    assert body(Message("user", "a"), state={"n": 1})["state"] == {"n": 1}


def test_calls_and_their_results() -> None:
    answered = (Message("assistant", "", id="1", tool_calls=[CALL]),)
    result = Message("tool", "sunny", id="2", tool_call_id="c")
    sent = body(result, history=answered)["messages"]
    function = {"name": "weather", "arguments": '{"city": "Köln"}'}
    assert sent[0]["toolCalls"] == [{"id": "c", "type": "function", "function": function}]
    assert sent[1] == {"id": "2", "role": "tool", "content": "sunny", "toolCallId": "c"}


def test_a_tool_that_failed_says_so() -> None:
    sent = body(Message("tool", "no such city", id="2", tool_call_id="c", failed=True))
    assert sent["messages"][0]["error"] == "no such city"


def test_a_call_that_nobody_answered_is_no_call() -> None:
    sent = body(Message("assistant", "wait", id="1", tool_calls=[CALL]), Message("user", "so?"))
    assert "toolCalls" not in sent["messages"][0]


@pytest.mark.parametrize("first", [True, False])
def test_of_several_calls_those_that_were_answered_are_calls(first: bool) -> None:
    calls = [CALL, ClientToolCall("d", "weather", {"city": "Bonn"})]
    call_id, open_city = ("c", "Bonn") if first else ("d", "Köln")
    said = Message("assistant", "wait", id="1", tool_calls=calls)
    result = Message("tool", "sunny", id="2", tool_call_id=call_id)
    told, answered, _ = body(said, result, Message("user", "so?"))["messages"]
    assert [each["id"] for each in told["toolCalls"]] == [answered["toolCallId"]] == [call_id]
    assert told["content"] == f'wait\n[called weather({{"city": "{open_city}"}})]'


OPENAI = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
TOOLS = {
    "AG-UI's form": {"name": "f", "description": "d", "parameters": {"type": "object"}},
    "OpenAI's form": OPENAI,
    "a name alone": {"name": "f"},
}


@pytest.mark.parametrize("form", TOOLS)
def test_tools(form: str) -> None:
    (tool,) = body(Message("user", "a"), tools=[TOOLS[form]])["tools"]
    assert tool["name"] == "f"
    assert isinstance(tool["description"], str)
    assert tool["parameters"]["type"] == "object"


def test_files_are_parts_where_the_agent_reads_them_so() -> None:
    files = [
        Attachment("image", url="https://x/y.png"),
        Attachment("file", data=b"%PDF", mime_type="application/pdf", filename="a.pdf"),
        Attachment("audio", file_id="f1"),
    ]
    turn = Turn("a", [Message("user", "look", files)])
    text, image, document, audio = run_input(turn, "t", parts=True)["messages"][0]["content"]
    assert text == {"type": "text", "text": "look"}
    assert image == {"type": "image", "source": {"type": "url", "value": "https://x/y.png"}}
    assert document["source"] == {
        "type": "data",
        "value": "JVBERg==",
        "mimeType": "application/pdf",
    }
    assert audio["source"] == {"type": "file", "value": "f1"}
    assert run_input(turn, "t")["messages"][0]["content"] == "look"


# --- going on ----------------------------------------------------------------------------------


def resumed(answer: Any, *waiting: Interrupt) -> dict[str, Any]:
    turn = Turn("a", [], options={"resume": answer}, interrupts=waiting)
    return run_input(turn, "t", forwarded={"searchEnable": True})


ANSWERS = {
    "nothing is known": ((), {"command": {"resume": "yes"}}, None),
    "LangGraph's": ((Interrupt("i"),), {"command": {"resume": "yes"}}, None),
    "AG-UI 1.0's": (
        (Interrupt("i", answered_by="resume"),),
        {},
        [{"interruptId": "i", "status": "resolved", "payload": "yes"}],
    ),
    "the draft's": (
        (Interrupt("i", answered_by="draft"),),
        {},
        {"interruptId": "i", "payload": "yes"},
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_goes_where_the_agent_looks_for_it(case: str) -> None:
    waiting, forwarded, resume = ANSWERS[case]
    sent = resumed("yes", *waiting)
    assert sent["messages"] == []
    assert sent["forwardedProps"] == {"searchEnable": True, **forwarded}
    assert sent.get("resume") == resume


def test_an_answer_for_each() -> None:
    waiting = [Interrupt(name, answered_by="resume") for name in "ij"]
    each = resumed({"i": 1, "j": 2}, *waiting)["resume"]
    assert [entry["payload"] for entry in each] == [1, 2]
    one = resumed({"approved": True}, *waiting)["resume"]
    assert [entry["payload"] for entry in one] == [{"approved": True}] * 2


@pytest.mark.parametrize(
    ("answer", "payload"),
    [
        (True, {"approved": True}),
        (False, {"approved": False}),
        ("yes", "yes"),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_a_yes_or_no_has_the_form_that_the_agent_wants(answer: object, payload: object) -> None:
    schema = {"type": "object", "properties": {"approved": {"type": "boolean"}}}
    asked = Interrupt("i", value={"responseSchema": schema}, answered_by="resume")
    (entry,) = resumed(answer, asked)["resume"]
    assert entry["payload"] == payload
    (plain,) = resumed(answer, Interrupt("i", value={}, answered_by="resume"))["resume"]
    assert plain["payload"] == answer


def test_an_answer_for_each_in_langgraphs_command() -> None:
    """LangGraph refuses one answer where several wait, but for one by their ids."""
    waiting = [Interrupt(name) for name in "ij"]
    for answer, sent in (
        ("yes", {"i": "yes", "j": "yes"}),
        ({"approved": True}, {"i": {"approved": True}, "j": {"approved": True}}),
        ({"i": 1, "j": 2}, {"i": 1, "j": 2}),
        ({"j": 2}, {"j": 2}),
    ):
        assert resumed(answer, *waiting)["forwardedProps"]["command"] == {"resume": sent}
    nameless = resumed("yes", Interrupt("i"), Interrupt())
    assert nameless["forwardedProps"]["command"] == {"resume": "yes"}


def test_what_is_at_hand_goes_along_with_an_answer_and_the_call_that_waits() -> None:
    """Agents that keep nothing go on from the messages; LangGraph's command stands alone."""
    history = [Message("user", "Delete it.", id="1"), Message("assistant", "Sure?", id="2")]
    call: dict[str, Any] = {"tool_call_id": "c", "tool_name": "f", "tool_arguments": {"a": 1}}
    sent = {}
    for way in ("resume", "command"):
        waiting = [Interrupt("i", answered_by=way, **call)]
        turn = Turn("a", [], history=history, options={"resume": True}, interrupts=waiting)
        sent[way] = run_input(turn, "t")["messages"]
        known = sent_in(run_input(turn, "t"), turn)
        assert (known.resumes, known.messages) == (True, {"2"})
    asked, paused = sent["resume"]
    assert asked == {"id": "1", "role": "user", "content": "Delete it."}
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert paused["toolCalls"] == [{"id": "c", "type": "function", "function": function}]
    assert sent["command"] == []


def test_a_result_without_a_text_goes_along_with_an_answer() -> None:
    """Else its call had none, which models refuse."""
    history = [
        Message("user", "Look, and delete it.", id="1"),
        Message("assistant", "", id="2", tool_calls=[CALL]),
        Message("tool", "", id="3", tool_call_id="c"),
        Message("assistant", "", id="4"),
    ]
    waiting = [Interrupt("i", answered_by="resume")]
    turn = Turn("a", [], history=history, options={"resume": True}, interrupts=waiting)
    assert [each["id"] for each in run_input(turn, "t")["messages"]] == ["1", "2", "3"]


def test_what_the_answer_may_repeat() -> None:
    result = Message("tool", "sunny", id="2", tool_call_id="c")
    turn = Turn("a", [Message("user", "a", id="1"), result], options={"tools": [OPENAI]})
    sent = sent_in(run_input(turn, "t"), turn)
    assert (sent.tools, sent.messages, sent.results) == ({"f"}, {"1", "2"}, {"c"})
    assert not sent.resumes


def test_what_a_resumed_run_may_repeat() -> None:
    paused = Message("assistant", "Looking.", id="1")
    turn = Turn("a", [], options={"resume": "yes"}, history=[paused])
    sent = sent_in(run_input(turn, "t"), turn)
    assert (sent.resumes, sent.messages) == (True, {"1"})


# --- instructions ------------------------------------------------------------------------------


def instructions(sandbox: Sandbox) -> list[list[tuple[str, str]]]:
    """Ids and texts of the instructions of each request, in order."""
    requests = [request["body"]["messages"] for request in sandbox.requests("ag_ui")]
    return [
        [(m["id"], m["content"]) for m in each if m["id"].startswith("system-")]
        for each in requests
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_instruction_keeps_its_id_while_it_stands_and_has_another_when_it_comes_back(
    sandbox: Sandbox, streamed: bool
) -> None:
    agent, history = AGUI(**sandbox.kwargs("ag_ui"), memory="server"), []
    for instruction in ("A", "A", "B", "A", "A"):
        prompt = [Message("system", f"Rule {instruction}."), *history, "When is payday?"]
        reply = [*agent.stream(prompt)][-1].reply if streamed else agent.ask(prompt)
        history += [Message("user", "When is payday?"), reply]
    (first,), (second,), (third,), (fourth,), (fifth,) = instructions(sandbox)
    assert first == second
    assert [text for _, text in (first, third, fourth)] == ["Rule A.", "Rule B.", "Rule A."]
    assert len({first, third, fourth}) == 3
    assert fourth == fifth


def test_an_instruction_of_a_history_without_marks_keeps_its_id(sandbox: Sandbox) -> None:
    agent, history = AGUI(**sandbox.kwargs("ag_ui")), [Message("system", "Be brief.")]
    for _ in range(3):
        reply = agent.ask([*history, "When is payday?"], session_id="s")
        history += [Message("user", "When is payday?"), Message("assistant", reply.text)]
    assert len({*map(str, instructions(sandbox))}) == 1


def test_a_demand_is_new_in_each_turn() -> None:
    options = {"tools": [OPENAI], "tool_choice": "any"}
    ids = {body(Message("user", "a", id="1"), **options)["messages"][0]["id"] for _ in range(2)}
    assert len(ids) == 2
