"""What larger applications send: sub-graphs, branches, hand-overs, fallbacks, people who decide."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ModelFallbackMiddleware
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Send

from tests.langchain.services import CHAT, KEEPING, chat
from tests.langchain.test_memory import ASKED, THANKS, TOLD, Sent, graph, thread

every_keeping = pytest.mark.parametrize("service", KEEPING)
NUMBER = "My lucky number is 4711."


@pytest.fixture
def sent(sandbox: Any, service: str) -> Sent:
    return Sent(sandbox, service)


def answering(model: Any) -> Any:
    """A node in which the model answers."""
    return lambda state: {"messages": [model.invoke(state["messages"])]}


@every_keeping
@pytest.mark.parametrize("remembers", [None, True], ids=["of the parent", "of its own"])
def test_a_graph_in_a_graph_is_in_the_dialogue(sent: Sent, remembers: bool | None) -> None:
    inner = StateGraph(MessagesState).add_node("answer", answering(sent.model))
    inner.add_edge(START, "answer")
    app, config = graph(inner.compile(checkpointer=remembers)), thread()
    for text in (TOLD, THANKS, ASKED):
        state = app.invoke({"messages": [HumanMessage(text)]}, config)
    assert "zebra-17" in state["messages"][-1].text
    assert len(set(sent.ids)) == 1
    assert sent.sends_one_a_turn()


@every_keeping
def test_tasks_that_are_sent_at_once_know_nothing_of_each_other(sent: Sent) -> None:
    class Tasks(TypedDict):
        said: Annotated[list[str], operator.add]

    builder = StateGraph(Tasks)
    builder.add_node("one", lambda task: {"said": [sent.model.invoke(task["text"]).text]})
    builder.add_node("share", lambda state: {})
    builder.add_edge(START, "share")
    tasks = [Send("one", {"text": text}) for text in (TOLD, ASKED, NUMBER)]
    builder.add_conditional_edges("share", lambda state: tasks, ["one"])
    app, config = builder.compile(checkpointer=InMemorySaver()), thread()
    for _ in range(2):
        said = app.invoke({"said": []}, config)["said"]
    assert len(set(sent.ids)) == len(sent.ids) == 6
    assert sum("zebra-17" in text for text in said) == 2  # where it was told


@every_keeping
def test_branches_of_one_thread_each_send_the_history(sent: Sent) -> None:
    builder = StateGraph(MessagesState)
    for name in ("left", "right"):
        builder.add_node(name, answering(sent.model))
        builder.add_edge(START, name)
    app, config = builder.compile(checkpointer=InMemorySaver()), thread()
    for text in (TOLD, ASKED):
        state = app.invoke({"messages": [HumanMessage(text)]}, config)
    assert all("zebra-17" in message.text for message in state["messages"][-2:])
    assert sent.ids[0] != sent.ids[1]
    assert sent.ids[2] != sent.ids[3]


@every_keeping
def test_a_function_that_saves_its_messages_sends_what_is_new(sent: Sent) -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def talk(text: str, *, previous: Any = None) -> Any:
        asked = [*(previous or ()), HumanMessage(text)]
        reply = sent.model.invoke(asked)
        return entrypoint.final(value=reply.text, save=[*asked, reply])

    config = thread()
    for text in (TOLD, THANKS, ASKED):
        said = talk.invoke(text, config)
    assert "zebra-17" in said
    assert len(set(sent.ids)) == 1
    assert sent.sends_one_a_turn()


@every_keeping
def test_members_that_hand_over_each_have_a_dialogue_of_their_own(
    sandbox: Any, service: str, sent: Sent
) -> None:
    """As in a swarm: one list of messages, and the one who is active answers."""
    other = "maiagent" if service == "bluenexus" else "bluenexus"
    members = {"desk": chat(sandbox, other), "handbook": sent.model}

    def hand_over(state: Any) -> Any:
        """The desk hands over with a tool of the graph's."""
        call = {"name": "transfer_to_handbook", "args": {}, "id": str(len(state["messages"]))}
        note = ToolMessage("Transferred to handbook", tool_call_id=call["id"])
        said = [AIMessage("", tool_calls=[call], name="desk"), note]
        return Command(goto="handbook", update={"messages": said})

    builder = StateGraph(MessagesState)
    for name, model in members.items():
        builder.add_node(name, answering(model))
    builder.add_node("hand_over", hand_over)
    builder.add_conditional_edges(
        START, lambda state: "hand_over" if state["messages"][1:] else "desk", ["desk", "hand_over"]
    )
    app, config = builder.compile(checkpointer=InMemorySaver()), thread()
    for text in (TOLD, NUMBER, ASKED, "What is my lucky number?"):
        state = app.invoke({"messages": [HumanMessage(text)]}, config)
        last = (sent.turns or sandbox.turns(other))[-1]["messages"][-1]["content"]
        assert last.endswith(text)
    said = [message.text for message in state["messages"] if message.type == "ai"]
    assert "zebra-17" in said[-3]
    assert "4711" in said[-1]
    assert len(set(sent.ids)) == 1


@every_keeping
@pytest.mark.parametrize("fault", ["429", "502", "broken off"])
@pytest.mark.parametrize("by", ["with_fallbacks", "ModelFallbackMiddleware"])
def test_what_a_fallback_answered_is_told_and_the_question_if_it_was_not_heard(
    sandbox: Any, service: str, by: str, fault: str
) -> None:
    sent, heard = Sent(sandbox, service, max_retries=0), fault != "429"
    other = chat(sandbox, "maiagent" if service == "bluenexus" else "bluenexus")
    if by == "with_fallbacks":
        app = graph(answering(sent.model.with_fallbacks([other])))
    else:
        middleware = [ModelFallbackMiddleware(other)]
        app = create_agent(sent.model, middleware=middleware, checkpointer=InMemorySaver())
    config = thread()
    app.invoke({"messages": [HumanMessage(TOLD)]}, config)
    if fault == "broken off":
        sandbox.drop_after(events=3, endpoint=service)
    else:
        sandbox.fail_next(status=int(fault), endpoint=service)
    stood_in = app.invoke({"messages": [HumanMessage(NUMBER)]}, config)["messages"][-1]
    assert stood_in.response_metadata["model_provider"] == other.endpoint.name
    reply = app.invoke({"messages": [HumanMessage(ASKED)]}, config)["messages"][-1]
    assert reply.response_metadata["memory"] == "continued"
    assert "zebra-17" in reply.text
    assert sent.texts().rstrip().endswith(ASKED)
    assert stood_in.text in sent.texts()
    if not sent.context:
        told = sent.texts().replace(stood_in.text, "")
        assert (NUMBER in told) is not heard


@tool
def close_ticket(number: int) -> str:
    """Close a ticket."""
    return f"Ticket {number} is closed."


@pytest.mark.parametrize("service", [name for name in KEEPING if CHAT[name].endpoint.tools])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_person_decides_and_the_dialogue_goes_on(sent: Sent, decision: str) -> None:
    middleware = [HumanInTheLoopMiddleware(interrupt_on={"close_ticket": True})]
    app = create_agent(
        sent.model, [close_ticket], middleware=middleware, checkpointer=InMemorySaver()
    )
    config = thread()
    app.invoke({"messages": [HumanMessage(TOLD)]}, config)
    state = app.invoke({"messages": [HumanMessage("Close ticket number 7")]}, config)
    assert "__interrupt__" in state
    app.invoke(Command(resume={"decisions": [{"type": decision}]}), config)
    reply = app.invoke({"messages": [HumanMessage(ASKED)]}, config)["messages"][-1]
    assert "zebra-17" in reply.text
    assert len(set(sent.ids)) == 1
