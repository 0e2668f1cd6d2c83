"""A long plain dialogue stays in one conversation, and sends one new message a turn.

`FULL_SIZE=1` makes it 200 turns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import HumanMessage
from langchain_core.runnables.history import RunnableWithMessageHistory
from langgraph.checkpoint.memory import InMemorySaver
from llama_index.core.base.llms.types import ChatMessage

import langchain_agents
import llamaindex_agents
from remote_agents import InMemorySessionStore, Message
from remote_agents.memory.history_matching import KEPT
from remote_agents.memory.marks import Mark, walked
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES
from tests.langchain.test_graphs import graph
from tests.memory.ways import ask, asked, client

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory"),
    pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory"),
]
TURNS = 200 if os.environ.get("FULL_SIZE") else 30
SERVICES = ("private_ai", "bluenexus", "maiagent", "cloudbase")
Say = Callable[[str], dict[str, Any]]  # a turn; the mark of its reply


def _langgraph(box: Sandbox, service: str) -> Say:
    app = graph(InMemorySaver(), _model(box, service))
    config: Any = {"configurable": {"thread_id": "t"}}

    def say(text: str) -> Any:
        reply = app.invoke({"messages": [HumanMessage(text)]}, config)["messages"][-1]
        return reply.response_metadata["conversation"]

    return say


def _message_history(box: Sandbox, service: str) -> Say:
    kept = InMemoryChatMessageHistory()
    chain = RunnableWithMessageHistory(_model(box, service), lambda session_id: kept)
    config: Any = {"configurable": {"session_id": "s"}}
    return lambda text: chain.invoke([HumanMessage(text)], config).response_metadata["conversation"]


def _page(box: Sandbox, service: str) -> Say:
    """A page that keeps roles and texts, and so no marks: the store knows."""
    agent, shown = client(box, service, session_store=InMemorySessionStore()), list[Any]()

    def say(text: str) -> Any:
        shown.append({"role": "user", "content": text})
        reply = agent.ask(shown, session_id="p")
        shown.append({"role": "assistant", "content": reply.text})
        return reply.conversation

    return say


def _for_session(box: Sandbox, service: str) -> Say:
    kind = getattr(llamaindex_agents, NAMES[service])
    store, history = InMemorySessionStore(), list[ChatMessage]()
    llm = kind(**box.kwargs(service), session_store=store).for_session("f")

    def say(text: str) -> Any:
        history.append(ChatMessage(text))
        history.append(llm.chat(history).message)
        return history[-1].additional_kwargs["conversation"]

    return say


def _model(box: Sandbox, service: str) -> Any:
    kind = getattr(langchain_agents, f"Chat{NAMES[service]}")
    return kind(**box.kwargs(service), session_store=InMemorySessionStore())


@pytest.mark.parametrize("begin", [_langgraph, _message_history, _page, _for_session])
@pytest.mark.parametrize("service", SERVICES)
def test_one_new_message_a_turn(sandbox: Sandbox, service: str, begin: Any) -> None:
    say = begin(sandbox, service)
    texts = [f"Count to {turn % 5}, for the {turn}th time" for turn in range(TURNS)]
    marks = [say(text) for text in texts]
    turns = sandbox.turns(service)
    assert len({turn["conversation_id"] for turn in turns}) == 1
    assert [turn["messages"][-1]["content"] for turn in turns] == texts
    counts = [len(turn["messages"]) for turn in turns]
    if service == "cloudbase":  # told the history at hand, of which its model sees so much
        assert counts == [min(2 * turn, 20) + 1 for turn in range(TURNS)]
    else:
        assert set(counts) == {1}
    assert [mark["turn"] for mark in marks] == list(range(1, TURNS + 1))
    assert sum(len(json.dumps(mark)) for mark in marks) < 200 * TURNS  # of 200: under 40 kB


@pytest.mark.parametrize("session", [None, "s"])
@pytest.mark.parametrize("way", ["ask", "astream"])
@pytest.mark.parametrize("service", [*SERVICES, "ag_ui"])
async def test_a_history_longer_than_what_is_compared_goes_on(
    sandbox: Sandbox, service: str, way: str, session: str | None
) -> None:
    agent = client(sandbox, service, memory="server")
    said: list[Any] = [
        Message("assistant" if at % 2 else "user", f"Remark {at}") for at in range(KEPT + 200)
    ]
    for text in ("Count to 3", "Count to 4", "Count to 5"):
        said.append(Message("user", text))
        reply = await ask(agent, way, said, session_id=session)
        said.append(reply)
    assert reply.memory == "continued"
    assert reply.conversation["count"] == len(said)
    assert asked(sandbox) == ["Count to 5"]
    assert len({turn["conversation_id"] for turn in sandbox.turns(service)}) == 1
    if service == "ag_ui":  # it is told all of it each time, and hears it once
        assert len(sandbox.conversation(service, str(reply.conversation_id))) == len(said)


@pytest.mark.parametrize("first", [1, 2])
def test_marks_vouch_for_all_that_is_never_compared(first: int) -> None:
    marks = {
        turn: Mark("c", "d", turn, 2 * turn, b"asked!", b"answer") for turn in range(first, KEPT)
    }
    assert walked(marks).known == 2 * (KEPT - 1)


def test_marks_vouch_for_no_more_than_they_show() -> None:
    marks = {turn: Mark("c", "d", turn, 2 * turn, b"asked!", b"answer") for turn in (2, 3)}
    assert walked(marks).known == 4
