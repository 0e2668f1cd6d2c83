"""In LangGraph and LangChain's agents: what is sent, and that it goes on, forks and streams."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

from langchain_agents import agent_tool
from remote_agents import ConfigurationError, InMemorySessionStore
from tests.langchain.services import (
    CHAT,
    FOLLOW_UP,
    KEEPING,
    LLMS,
    ONLY_NEW,
    QUESTION,
    chat,
    every_service,
)

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


def graph(saver: Any, *models: Any) -> Any:
    """Each model answers in turn, in a node of its own."""
    builder = StateGraph(MessagesState)
    names = [f"agent{number}" for number in range(len(models))]
    for name, model in zip(names, models, strict=True):
        builder.add_node(name, _node(model))
    for before, after in zip([START, *names], names, strict=False):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def _node(model: Any) -> Any:
    return lambda state: {"messages": [model.invoke(state["messages"])]}


def thread() -> Any:
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


def ask(app: Any, text: str, config: Any) -> Any:
    return app.invoke({"messages": [HumanMessage(text)]}, config)["messages"][-1]


@every_service
def test_one_new_message_a_turn(sandbox: Any, service: str) -> None:
    app, config = graph(InMemorySaver(), chat(sandbox, service)), thread()
    for text in (QUESTION, FOLLOW_UP, "Thanks"):
        answer = ask(app, text, config)
    assert answer.text.startswith("You are welcome")
    counts = [len(turn["messages"]) for turn in sandbox.turns(service)]
    assert counts == ([1, 1, 1] if service in ONLY_NEW else [1, 3, 5])


@pytest.mark.parametrize("service", KEEPING)
def test_a_restart_goes_on(sandbox: Any, service: str, tmp_path: Path) -> None:
    config = thread()
    for text in (QUESTION, FOLLOW_UP):
        connection = sqlite3.connect(tmp_path / "checkpoints.db", check_same_thread=False)
        # A store of its own, empty as after a restart: the checkpoint alone tells.
        model = chat(sandbox, service, session_store=InMemorySessionStore())
        answer = ask(graph(SqliteSaver(connection), model), text, config)
        connection.close()
    first, second = sandbox.turns(service)
    assert first["conversation_id"] == second["conversation_id"] is not None
    assert len(second["messages"]) == (1 if service in ONLY_NEW else 3)
    assert "art-time" in answer.text


@pytest.mark.parametrize("service", KEEPING)
def test_an_edited_turn_forks(sandbox: Any, service: str) -> None:
    app, config = graph(InMemorySaver(), chat(sandbox, service)), thread()
    for text in (QUESTION, FOLLOW_UP, "Thanks"):
        ask(app, text, config)
    (before,) = (
        state
        for state in app.get_state_history(config)
        if len(state.values.get("messages", ())) == 4 and not state.next
    )
    ask(app, "How many sick days?", before.config)
    *_, last, edited = sandbox.turns(service)
    assert edited["conversation_id"] != last["conversation_id"]
    told = str(edited["messages"])
    assert QUESTION in told
    assert "Thanks" not in told


def test_two_agents_of_one_thread_keep_apart(sandbox: Any) -> None:
    models = [chat(sandbox, "bluenexus"), chat(sandbox, "maiagent")]
    app, config = graph(InMemorySaver(), *models), thread()
    for text in (QUESTION, FOLLOW_UP):
        ask(app, text, config)
    for service, model in zip(("bluenexus", "maiagent"), models, strict=True):
        first, second = sandbox.turns(service)
        assert first["conversation_id"] == second["conversation_id"]
        session = model.session(config["configurable"]["thread_id"])
        assert session is not None
        assert session.conversation_id == first["conversation_id"]


@every_service
async def test_a_graph_streams_the_tokens(sandbox: Any, service: str) -> None:
    app = graph(InMemorySaver(), chat(sandbox, service, coalesce=False))
    prompt: Any = {"messages": [HumanMessage(QUESTION)]}
    pieces = [chunk for chunk, _ in app.stream(prompt, thread(), stream_mode="messages")]
    assert len(pieces) > 3
    assert all(isinstance(piece, AIMessageChunk) for piece in pieces)
    assert len({piece.id for piece in pieces}) == 1
    whole = ask(app, QUESTION, thread())
    assert "".join(str(piece.text) for piece in pieces) == whole.text
    native = app.stream_events(prompt, thread(), version="v3")
    (message,) = list(native.messages)
    assert str(message.text) == whole.text


@every_service
async def test_create_agent(sandbox: Any, service: str) -> None:
    agent = create_agent(chat(sandbox, service), tools=[], checkpointer=InMemorySaver())
    config = thread()
    first = agent.invoke({"messages": [HumanMessage(QUESTION)]}, config)
    assert "25" in first["messages"][-1].text
    second = await agent.ainvoke({"messages": [HumanMessage(FOLLOW_UP)]}, config)
    assert "art-time" in second["messages"][-1].text


@tool
def adds(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOLLESS = [name for name, kind in CHAT.items() if not kind.endpoint.tools]


@pytest.mark.parametrize("service", TOOLLESS)
def test_tools_are_refused_with_the_reason(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service)
    agent = create_agent(model, tools=[adds])
    for use in (
        lambda: model.bind_tools([adds]),
        lambda: model.invoke("Hi", tools=[adds]),
        lambda: agent.invoke({"messages": [HumanMessage("Hi")]}),
    ):
        with pytest.raises(NotImplementedError, match="brings its own tools"):
            use()
    assert model.bind_tools([]) is model
    assert sandbox.requests(service) == []


# --- agents among agents -----------------------------------------------------------------------


class Supervisor(FakeMessagesListChatModel):
    """Calls the tools that the script names."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


class Days(BaseModel):
    """Vacation days."""

    days: int


@pytest.mark.parametrize("service", TOOLLESS)
async def test_an_agents_response_format(sandbox: Any, service: str) -> None:
    agent = create_agent(chat(sandbox, service), tools=[], response_format=Days)
    prompt: Any = {"messages": [HumanMessage(QUESTION)]}
    if CHAT[service].endpoint.native_json:
        assert (await agent.ainvoke(prompt))["structured_response"] == Days(days=25)
    else:
        with pytest.raises(NotImplementedError, match="use with_structured_output"):
            await agent.ainvoke(prompt)


def supervisor(*calls: tuple[str, str]) -> Supervisor:
    script = [
        AIMessage("", tool_calls=[{"name": name, "args": {"question": text}, "id": str(number)}])
        for number, (name, text) in enumerate(calls)
    ]
    return Supervisor(responses=[*script, AIMessage("Done.")])


async def test_a_supervisor_of_three_agents(sandbox: Any) -> None:
    names = ("bluenexus", "maiagent", "private_ai")
    models = {name: chat(sandbox, name) for name in names}
    tools = [agent_tool(models[name], description=f"The agent of {name}.") for name in names]
    calls = [(name, text) for text in (QUESTION, FOLLOW_UP) for name in names]
    agent = create_agent(supervisor(*calls), tools=tools)
    config: Any = thread()
    config["configurable"]["conversation_id"] = "the supervisor's own"
    done = await agent.ainvoke({"messages": [HumanMessage("Ask them.")]}, config)
    answers = [message for message in done["messages"] if isinstance(message, ToolMessage)]
    assert [answer.name for answer in answers] == [name for name, _ in calls]
    assert all("25" in str(answer.content) for answer in answers[:3])
    assert all("art-time" in str(answer.content) for answer in answers[3:])
    assert [bool(answer.artifact) for answer in answers[:3]] == [False, True, True]
    assert answers[1].artifact[0]["title"] == "vacation.md"
    for name in names:
        first, second = sandbox.turns(name)
        assert first["conversation_id"] == second["conversation_id"]


def test_a_tool_streams_when_the_graph_streams(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus", coalesce=False)
    helper = agent_tool(model, name="handbook", description="The handbook.")
    agent = create_agent(supervisor(("handbook", QUESTION)), tools=[helper])
    prompt: Any = {"messages": [HumanMessage("Ask.")]}
    chunks = [chunk for chunk, _ in agent.stream(prompt, thread(), stream_mode="messages")]
    from_agent = [c for c in chunks if isinstance(c, AIMessageChunk) and "vacation" in str(c.text)]
    assert len(from_agent) > 1


def test_a_tool_without_a_thread_stands_alone(sandbox: Any) -> None:
    helper = agent_tool(chat(sandbox, "private_ai"), description="The handbook.")
    for _ in range(2):
        assert "25" in helper.invoke({"question": QUESTION})
    assert [turn["conversation_id"] for turn in sandbox.turns("private_ai")] == [None, None]


@pytest.mark.parametrize("model", [5, "bluenexus", LLMS["bluenexus"]])
def test_a_tool_is_made_of_a_chat_model(sandbox: Any, model: Any) -> None:
    made = model(**sandbox.kwargs("bluenexus")) if isinstance(model, type) else model
    with pytest.raises(ConfigurationError, match="takes a chat model of this library"):
        agent_tool(made, description="The handbook.")


class ToolSuite:
    box: Any = None

    @pytest.fixture(autouse=True)
    def _at_sandbox(self, sandbox: Any) -> None:
        type(self).box = sandbox

    @property
    def tool_constructor(self) -> Any:
        return agent_tool(chat(self.box, "maiagent"), description="The employee handbook.")

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"question": QUESTION}


class TestToolUnit(ToolSuite, ToolsUnitTests): ...


class TestToolIntegration(ToolSuite, ToolsIntegrationTests): ...
