"""Tools of the caller's, a person's answer, and OpenAI's protocol, on Tencent's own server."""

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_agents import ChatCloudBase
from remote_agents import CloudBase, CloudBaseOpenAI, Message
from tests.vendor.serving import Server, seen

KNOWN: dict[str, Any] = {"agent_id": "agent-hr", "api_key": "k"}


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def test_an_agent_runs_the_tool_and_the_thread_goes_on(hr: Server) -> None:
    model = ChatCloudBase(base_url=hr.url, **KNOWN)
    agent = create_agent(model, [get_weather], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": f"tools-{hr.port}"}}
    state = agent.invoke({"messages": [HumanMessage("call for the weather")]}, config)
    told = seen(state["messages"][-1].text)
    assert [kind for kind, _ in told] == ["human", "ai", "tool"]
    assert told[-1][1] == "sunny in Paris"
    state = agent.invoke({"messages": [HumanMessage("thanks")]}, config)
    told = seen(state["messages"][-1].text)
    assert [kind for kind, _ in told] == ["human", "ai", "tool", "ai", "human"]


def test_a_person_answers(interrupts: Server) -> None:
    agent = CloudBase(base_url=interrupts.url, **KNOWN)
    paused = agent.ask("delete it")
    assert paused.finish_reason == "interrupt"
    assert paused.interrupts[0].question == "May I delete the file?"
    reply = agent.ask([Message("user", "delete it"), paused], resume="yes")
    assert reply.text == "You said 'yes'"


def test_openai_requests_to_an_agent_of_ones_own(hr: Server) -> None:
    agent = CloudBaseOpenAI(base_url=hr.url, route="bots", **KNOWN)
    for ask in (agent.ask, lambda prompt: list(agent.stream(prompt))[-1].reply):  # type: ignore[attr-defined]
        assert seen(ask("hi").text)[-1] == ["human", "hi"]
