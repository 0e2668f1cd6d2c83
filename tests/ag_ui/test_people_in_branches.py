"""People asked beside other branches of a graph: each about its own task, and once."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send
from pydantic import BaseModel

import langchain_agents
from langchain_agents import ask_person
from remote_agents.sandbox import Sandbox
from tests.ag_ui.test_people import NAMES, TASK, each, settings

each_way = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
each_stream = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
THREAD = {"configurable": {"thread_id": "t"}}
TASKS = ("Delete the ARCHIVE.", "Delete the BACKUP.")


def chat(sandbox: Sandbox, service: str, streamed: bool) -> Any:
    kind = getattr(langchain_agents, f"Chat{NAMES[service]}")
    return kind(**settings(sandbox, service), streaming=streamed)


async def run(app: Any, given: object, awaited: bool) -> Any:
    return await app.ainvoke(given, THREAD) if awaited else app.invoke(given, THREAD)


def texts(state: Any) -> list[str]:
    return [message.text for message in state["messages"]]


@each
@each_way
@each_stream
async def test_another_branch_that_speaks_meanwhile(
    sandbox: Sandbox, service: str, awaited: bool, streamed: bool
) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("agent", ask_person(chat(sandbox, service, streamed)))
    builder.add_node("beside", lambda _: {"messages": [AIMessage("Noted.")]})
    builder.add_edge(START, "agent")
    builder.add_edge(START, "beside")
    app: Any = builder.compile(checkpointer=InMemorySaver())
    state = await run(app, {"messages": [HumanMessage(TASK)]}, awaited)
    (asked,) = state["__interrupt__"]
    assert asked.value["question"].endswith(TASK)
    assert len(sandbox.turns(service)) == 1
    state = await run(app, Command(resume="yes"), awaited)
    assert texts(state) == [TASK, "", "Noted.", f"Done: {TASK}"]
    assert len(sandbox.turns(service)) == 2


@each
@each_way
@each_stream
@pytest.mark.parametrize("nodes", [("one", "other"), ("one", "one")], ids=["two", "one"])
async def test_two_tasks_wait_each_for_its_own_answer(
    sandbox: Sandbox, service: str, nodes: tuple[str, str], awaited: bool, streamed: bool
) -> None:
    tasks = [
        Send(node, {"messages": [HumanMessage(task)]})
        for node, task in zip(nodes, TASKS, strict=True)
    ]
    builder = StateGraph(MessagesState)
    for node in dict.fromkeys(nodes):
        builder.add_node(node, ask_person(chat(sandbox, service, streamed)))
    builder.add_conditional_edges(START, lambda _: tasks, list(dict.fromkeys(nodes)))
    app: Any = builder.compile(checkpointer=InMemorySaver())
    waiting = (await run(app, {"messages": [HumanMessage("Tidy up.")]}, awaited))["__interrupt__"]
    assert [task for task in TASKS for asked in waiting if task in asked.value["question"]] == [
        *TASKS
    ]
    said = {each.id: "yes" if TASKS[0] in each.value["question"] else "no" for each in waiting}
    state = await run(app, Command(resume=said), awaited)
    assert sorted(texts(state)[-2:]) == [f"Done: {TASKS[0]}", f"I left it alone: {TASKS[1]}"]
    assert len(sandbox.turns(service)) == 4


# --- what else the state holds ---------------------------------------------------------------


class Typed(MessagesState):
    person: str


class Model(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages]
    person: str


class Frozen(BaseModel, frozen=True):
    messages: Annotated[list[AnyMessage], add_messages]
    person: str


@dataclass
class Data:
    messages: Annotated[list[AnyMessage], add_messages]
    person: str


@dataclass(frozen=True, slots=True)
class Slots:
    messages: Annotated[list[AnyMessage], add_messages]
    person: str


@each
@each_way
@pytest.mark.parametrize("kind", [Typed, Model, Frozen, Data, Slots])
async def test_the_whole_state_is_there_when_the_person_has_answered(
    sandbox: Sandbox, service: str, kind: Any, awaited: bool
) -> None:
    seen: list[str] = []
    node = ask_person(chat(sandbox, service, streamed=awaited))

    def noted(state: Any) -> Any:
        seen.append(state["person"] if kind is Typed else state.person)
        return state

    builder = StateGraph(kind)
    builder.add_node("agent", RunnableLambda(noted) | node)
    builder.add_edge(START, "agent")
    app: Any = builder.compile(checkpointer=InMemorySaver())
    await run(app, {"messages": [HumanMessage(TASK)], "person": "Ann"}, awaited)
    state = await run(app, Command(resume="yes"), awaited)
    assert texts(state) == [TASK, "", f"Done: {TASK}"]
    assert seen == ["Ann"] * 3
