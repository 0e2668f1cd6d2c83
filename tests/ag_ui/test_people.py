"""Runs that wait for a person: in each face, resumed by an answer, with one post a step."""

from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command
from pydantic import BaseModel

import langchain_agents
from langchain_agents import agent_tool, ask_person
from remote_agents import (
    AGUI,
    AgentInterrupt,
    CloudBase,
    ConfigurationError,
    ConversationNotFoundError,
    Message,
)
from remote_agents.bulk import ask_many
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Info, Interrupt, Reply
from tests.memory.ways import WAYS, ask

TASK = "Delete the file."
ANSWERS = {"yes": "Done: ", "no": "I left it alone: "}


def settings(sandbox: Sandbox, service: str) -> dict[str, Any]:
    kwargs: dict[str, Any] = sandbox.kwargs(service)
    if service == "ag_ui":
        return {**kwargs, "base_url": f"{sandbox.url}/ag-ui/approval"}
    return {**kwargs, "agent_id": "agent-approval"}


each = pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])
each_answer = pytest.mark.parametrize("answer", ANSWERS)
NAMES = {"ag_ui": "AGUI", "cloudbase": "CloudBase"}


def client(sandbox: Sandbox, service: str) -> Any:
    return {"ag_ui": AGUI, "cloudbase": CloudBase}[service](**settings(sandbox, service))


def chat(sandbox: Sandbox, service: str) -> Any:
    return getattr(langchain_agents, f"Chat{NAMES[service]}")(**settings(sandbox, service))


@each
@each_answer
def test_the_plain_client_resumes_by_the_message(
    sandbox: Sandbox, service: str, answer: str
) -> None:
    agent = client(sandbox, service)
    paused = agent.ask(TASK)
    assert (paused.text, paused.finish_reason) == ("", "interrupt")
    assert TASK in paused.interrupts[0].question
    reply = agent.ask([Message("user", TASK), paused], resume=answer)
    assert reply.text == f"{ANSWERS[answer]}{TASK}"
    assert reply.conversation_id == paused.conversation_id
    assert len(sandbox.requests(service)) == 2


@each
@pytest.mark.parametrize("by", ["its name", "the message", "the history"])
async def test_a_session_is_resumed(sandbox: Sandbox, service: str, by: str) -> None:
    agent, session = client(sandbox, service), f"resumed by {by}"
    paused = await agent.aask(TASK, session_id=session)
    assert paused.finish_reason == "interrupt"
    told: Any = {"its name": "", "the message": paused, "the history": [TASK, paused]}[by]
    reply = await agent.aask(told, session_id=session, resume={"approved": True})
    assert reply.text.startswith("Done: ")
    assert (reply.memory, reply.memory_reason) == ("continued", "resume")
    assert (await agent.aask("And the other one.", session_id=session)).memory_reason == "session"


@each
@pytest.mark.parametrize("forged", [{}, {"conversation": {"seal": "none"}}], ids=["no", "forged"])
@pytest.mark.parametrize("named", ["session_id", "thread_id"])
def test_a_run_of_another_user_is_not_resumed(
    sandbox: Sandbox, service: str, named: str, forged: dict[str, Any]
) -> None:
    """His history comes from a browser, and names the conversation in which she is asked."""
    model = chat(sandbox, service)
    alice, mallory = ({"configurable": {named: "t", "user_id": name}} for name in ("a", "m"))
    paused = model.invoke([HumanMessage(TASK)], alice)
    told = {**paused.response_metadata, "conversation": None, **forged}
    history = [HumanMessage("Hi"), paused.model_copy(update={"response_metadata": told})]
    with pytest.raises(ConfigurationError, match="no conversation of this session or thread"):
        model.invoke(history, mallory, resume="yes")
    hers = [HumanMessage(TASK), paused]
    assert chat(sandbox, service).invoke(hers, alice, resume="yes").text == f"Done: {TASK}"


@each
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
async def test_a_session_goes_on_after_the_person_has_answered(
    sandbox: Sandbox, service: str, framework: str, streamed: bool, awaited: bool
) -> None:
    given = settings(sandbox, service)
    way = Way(framework, service, streamed=streamed, awaited=awaited, **given)
    session = f"{framework} {streamed} {awaited}"
    told = [
        (await way.ask(question, session=session, **call)).metadata
        for question, call in ((TASK, {}), ("", {"resume": "yes"}), ("And the other one.", {}))
    ]
    assert [each["memory_reason"] for each in told] == ["first_turn", "resume", "session"]
    assert len({each["conversation_id"] for each in told}) == 1


@each
def test_a_conversation_is_resumed(sandbox: Sandbox, service: str) -> None:
    agent = client(sandbox, service)
    paused = agent.ask(TASK)
    assert (
        agent.ask("", conversation_id=paused.conversation_id, resume="yes").text == f"Done: {TASK}"
    )


@each
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["message", "session", "conversation"])
async def test_a_run_whose_conversation_is_lost_is_resumed_nowhere(
    sandbox: Sandbox, service: str, by: str, way: str
) -> None:
    agent = client(sandbox, service)
    paused = agent.ask(TASK, session_id="s1")
    history, lost = [Message("user", TASK), paused], paused.conversation_id
    named = {"session": {"session_id": "s1"}, "conversation": {"conversation_id": lost}}
    sandbox.fail_next(404, {"detail": f"Thread {lost} not found"})
    with pytest.raises(ConversationNotFoundError, match="waited in it is gone") as caught:
        await ask(agent, way, history, resume="yes", **named.get(by, {}))
    assert caught.value.conversation_id == lost
    assert len(sandbox.requests(service)) == 2


def test_nothing_waits(sandbox: Sandbox) -> None:
    for agent in (client(sandbox, "ag_ui"), CloudBase(**sandbox.kwargs("cloudbase"))):
        with pytest.raises(ConfigurationError, match="nothing to resume"):
            agent.ask("hi", resume="yes")
    assert sandbox.requests() == []


class Form(BaseModel):
    text: str


@each
def test_where_text_is_wanted_it_is_an_error_that_knows_the_question(
    sandbox: Sandbox, service: str
) -> None:
    model = chat(sandbox, service)
    text = getattr(langchain_agents, f"{NAMES[service]}LLM")(**settings(sandbox, service))
    tool = agent_tool(model, description="Deletes files.")
    asks: list[Any] = [
        lambda: text.invoke(TASK),
        lambda: list(text.stream(TASK)),
        lambda: tool.invoke({"question": TASK}),
        lambda: model.with_structured_output(Form).invoke(TASK),
    ]
    for each_ask in asks:
        with pytest.raises(AgentInterrupt, match=r"(?s)May I do this.*[^.]\. Ask it") as caught:
            each_ask()
        assert caught.value.interrupts[0].question
        assert caught.value.conversation_id


def test_bulk_runs_say_that_the_agent_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    for asked in (client(sandbox, "ag_ui"), chat(sandbox, "cloudbase")):
        path = tmp_path / type(asked).__name__
        (row,) = ask_many(asked, [TASK], path=path, progress=False)
        assert "May I do this" in row["error"]


def graph(model: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("agent", ask_person(model))
    builder.add_edge(START, "agent")
    return builder.compile(checkpointer=InMemorySaver())


@each
@each_answer
def test_a_graph_asks_a_person(sandbox: Sandbox, service: str, answer: str) -> None:
    app, config = graph(chat(sandbox, service)), {"configurable": {"thread_id": f"p-{answer}"}}
    state = app.invoke({"messages": [HumanMessage(TASK)]}, config)
    (asked,) = state["__interrupt__"]
    assert TASK in asked.value["question"]
    assert len(sandbox.requests(service)) == 1
    state = app.invoke(Command(resume=answer), config)
    assert state["messages"][-1].text == f"{ANSWERS[answer]}{TASK}"
    assert len(sandbox.requests(service)) == 2
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1


@each
def test_a_person_who_says_nothing_is_asked_again(sandbox: Sandbox, service: str) -> None:
    config = {"configurable": {"thread_id": "t"}}
    agents = graph(chat(sandbox, service))
    (asks,) = agents.invoke({"messages": [TASK]}, config)["__interrupt__"]
    (again,) = agents.invoke(Command(resume={asks.id: None}), config)["__interrupt__"]
    assert again.value == asks.value
    assert len(sandbox.requests(service)) == 1
    told = agents.invoke(Command(resume="yes"), config)["messages"]
    assert told[-1].text == f"Done: {TASK}"


@each
@pytest.mark.parametrize(
    "messages", ["Hi", ["Hi"], [("user", "Hi")], [{"role": "user", "content": "Hi"}]], ids=repr
)
async def test_a_node_takes_messages_that_the_state_has_not_read(
    sandbox: Sandbox, service: str, messages: Any
) -> None:
    class State(TypedDict):
        messages: Any

    builder = StateGraph(State)
    builder.add_node("agent", ask_person(chat(sandbox, service)))
    builder.add_edge(START, "agent")
    app = builder.compile()
    for state in (app.invoke({"messages": messages}), await app.ainvoke({"messages": messages})):
        assert [message.type for message in state["messages"]] == ["ai"]


@each
async def test_a_graph_asks_a_person_with_asyncio(sandbox: Sandbox, service: str) -> None:
    app, config = graph(chat(sandbox, service)), {"configurable": {"thread_id": "pa"}}
    await app.ainvoke({"messages": [HumanMessage(TASK)]}, config)
    state = await app.ainvoke(Command(resume="yes"), config)
    assert state["messages"][-1].text == f"Done: {TASK}"
    assert len(sandbox.requests(service)) == 2


CANCEL = "Cancel the booking of 'Alps'."


@each
@each_answer
def test_a_graph_asks_a_person_before_the_agent_calls_a_tool(
    sandbox: Sandbox, service: str, answer: str
) -> None:
    cancelled: list[str] = []

    @tool
    def cancel_booking(room: str) -> str:
        """Cancel the booking of a room."""
        cancelled.append(room)
        return f"{room} is free again"

    builder = StateGraph(MessagesState)
    model = chat(sandbox, service).bind_tools([cancel_booking])
    builder.add_node("agent", ask_person(model, tools="tools"))
    builder.add_node("tools", ToolNode([cancel_booking]))
    builder.add_edge(START, "agent")
    builder.add_edge("tools", "agent")
    app: Any = builder.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": answer}}
    state = app.invoke({"messages": [HumanMessage(CANCEL)]}, config)
    assert CANCEL in state["__interrupt__"][0].value["question"]
    assert cancelled == []
    state = app.invoke(Command(resume=answer), config)
    assert cancelled == (["Alps"] if answer == "yes" else [])
    said = "The tool says: Alps is free again" if answer == "yes" else f"I left it alone: {CANCEL}"
    assert state["messages"][-1].text == said
    assert len(sandbox.requests(service)) == (3 if answer == "yes" else 2)
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1


def test_a_graph_with_an_agent_that_asks_nobody(sandbox: Sandbox) -> None:
    model = langchain_agents.ChatAGUI(**sandbox.kwargs("ag_ui"))
    config = {"configurable": {"thread_id": "plain"}}
    asked = {"messages": [HumanMessage("How many vacation days do I get?")]}
    state = graph(model).invoke(asked, config)
    assert "25 vacation days" in state["messages"][-1].text


@pytest.mark.parametrize("reason", ["stop", None])
def test_a_run_that_waits_has_not_ended_whatever_the_service_calls_it(reason: str | None) -> None:
    reply = Reply("own", "own:agent@host")
    reply.add(Interrupt("i", "Sure?"))
    reply.add(Info(finish_reason=reason))
    reply.close()
    assert reply.finish_reason == "interrupt"
