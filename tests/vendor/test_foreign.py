"""`AGUI` with servers that others wrote: LangGraph's, Google's, Amazon's and more."""

from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import AGUI, Message
from remote_agents.testing.ways import Way
from tests.vendor.serving import Server, seen, served
from tests.vendor.test_cloudbase import WAYS

PATHS = {
    "langgraph": "/agent",
    "pydantic_ai": "/agent",
    "llama_index": "/agent/run",
    "agno": "/agui",
    "adk": "/agent",
    "strands": "/agent",
    "ag2": "/agent/",
}
QUESTIONS = ["My name is Ada.", "yes", "yes", "Who am I?"]
FORGET = (
    "pydantic_ai",
    "llama_index",
    "strands",
    "ag2",
)  # they take the messages that come along as all there is
FORM = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module", params=PATHS)
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    with served("foreign", "foreign.py", request.param) as server:
        yield request.param, server


def agent(kind: tuple[str, Server], **settings: Any) -> AGUI:
    name, server = kind
    return AGUI(base_url=f"{server.url}{PATHS[name]}", **settings)


@pytest.fixture(scope="module", params=["pydantic_ai", "adk", "ag2"])
def approves(request: pytest.FixtureRequest) -> Iterator[str]:
    """An agent that keeps nothing, one that keeps its threads, and one that wants a proof back."""
    with served("foreign", "foreign.py", request.param) as server:
        yield f"{server.url}{PATHS[request.param]}"


@pytest.mark.parametrize("memory", ["auto", "server"])
def test_a_dialogue(kind: tuple[str, Server], memory: Any) -> None:
    if kind[0] == "agno":
        memory = "server"  # it reads the newest message alone, and knows the rest by the thread
    asked, history = agent(kind, memory=memory), []
    for number, question in enumerate(QUESTIONS, 1):
        reply = asked.ask([*history, question])
        told = [content for role, content in seen(reply.text) if role == "human"]
        assert told == QUESTIONS[:number]
        history += [Message("user", question), reply]


def test_a_session_alone(kind: tuple[str, Server]) -> None:
    asked = agent(kind)
    told = [seen(asked.ask(question, session_id="s").text) for question in QUESTIONS[:2]][-1]
    heard = [content for role, content in told if role == "human"]
    assert heard == (QUESTIONS[1:2] if kind[0] in FORGET else QUESTIONS[:2])


def test_the_context_of_today(kind: tuple[str, Server]) -> None:
    asked, history = agent(kind, memory="server"), []
    for day in ("monday", "tuesday", "monday"):
        context = Message("system", f"CONTEXT: it is {day}")
        reply = asked.ask([context, *history, f"Which day is it on {day}?"])
        told = " ".join(str(content) for _, content in seen(reply.text))
        assert told.count(f"Which day is it on {day}?") == len(history) // 2 // 2 + 1
        if kind[0] == "adk" and history:  # it keeps them beside the thread, for the agent to read
            assert told.count("CONTEXT: it is ") == 1
            return
        assert told.rindex(f"CONTEXT: it is {day}") == told.rindex("CONTEXT: it is ")
        history += [Message("user", f"Which day is it on {day}?"), reply]
    assert told.count("CONTEXT: it is ") == (1 if kind[0] in FORGET else 3)


def test_a_question_whose_blanks_have_changed(kind: tuple[str, Server]) -> None:
    asked, history = agent(kind, memory="server"), []
    for question in ("Hello there.\n", "yes", "no", "Who am I?"):
        reply = asked.ask([*history, question])
        told = [str(content).strip() for role, content in seen(reply.text) if role == "human"]
        assert told[-1] == question.strip()
        assert len(told) == len(history) // 2 + 1 + (len(history) > 0 and kind[0] == "langgraph")
        history += [Message("user", question.strip()), reply]


def test_an_instruction_that_stays_is_said_once(kind: tuple[str, Server]) -> None:
    asked, history = agent(kind, memory="server"), [Message("system", "Be brief.")]
    for number, question in enumerate(QUESTIONS, 1):
        reply = asked.ask([*history, question])
        told = [str(content) for role, content in seen(reply.text) if role == "human"]
        assert " ".join(told).count("Be brief.") == 1
        assert [text.split("\n")[0] for text in told if text != "Be brief."] == QUESTIONS[:number]
        history += [Message("user", question), reply]


def test_a_tool(kind: tuple[str, Server]) -> None:
    asked = agent(kind, memory="server")
    question = Message("user", "call for the weather")
    paused = asked.ask([question], tools=[FORM])
    if kind[0] == "llama_index":  # its mock model takes tools and calls none
        assert (paused.tool_calls, paused.finish_reason) == ([], "stop")
        return
    (call,) = paused.tool_calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Paris"})
    result = Message("tool", "sunny", tool_call_id=call.id)
    reply = asked.ask([question, paused, result], tools=[FORM])
    assert ["tool", "sunny"] in seen(reply.text)


def test_todays_langgraph() -> None:
    with served("foreign", "foreign.py", "langgraph") as server:
        asked = agent(("langgraph", server))
        for question in ("search for it", "call for the weather"):  # its own tool, and ours
            reply = asked.ask(question, session_id="s", tools=[FORM])
        result = Message("tool", "sunny", tool_call_id=reply.tool_calls[0].id)
        reply = asked.ask([Message("user", question), reply, result], session_id="s", tools=[FORM])
        told = [role for role, _ in seen(reply.text)]
        assert told == ["human", "ai", "tool", "ai", "human", "ai", "tool"]
        paused = asked.ask("delete it")
        assert paused.interrupts[0].question == "May I?"
        reply = asked.ask([Message("user", "delete it"), paused], resume="yes")
        assert reply.text == "You said 'yes'"


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("of", WAYS)
async def test_an_agent_goes_on_after_a_person_has_decided(
    approves: str, of: tuple[str, bool, bool], answer: bool
) -> None:
    face, streamed, awaited = of
    asked = Way(face, "ag_ui", streamed=streamed, awaited=awaited, base_url=approves)
    paused = await asked.ask("delete it")
    (told,) = paused.metadata["interrupts"]
    assert "delete_city" in str(told["value"])
    history = [asked.question("delete it"), paused.message]
    reply = await asked.ask("", history, resume=answer)
    (question, result) = seen(reply.text)
    assert question == ["human", "delete it"]
    assert result[0] == "tool"
    assert (result[1] == "Paris is gone") is answer
