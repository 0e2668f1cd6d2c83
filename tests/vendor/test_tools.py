"""Tools of the caller's, and OpenAI's protocol, on Tencent's own server."""

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool

from langchain_agents import ChatCloudBase
from llamaindex_agents import CloudBase as CloudBaseLLM
from remote_agents import CloudBaseOpenAI
from tests.ag_ui.processes import stepped
from tests.vendor.serving import Server, seen

KNOWN: dict[str, Any] = {"agent_id": "agent-hr", "api_key": "k"}


def weather(city: str) -> str:
    """The weather of a city."""
    if city == "Atlantis":
        raise ValueError("no such city")
    return f"sunny in {city}"


def temperature(city: str) -> str:
    """The temperature in a city."""
    return f"21 degrees in {city}"


OWN = [tool(weather), tool(temperature)]


async def asked(agent: Any, text: str, config: Any, way: str) -> list[Any]:
    """A turn in one of four ways; what the thread holds then."""
    messages: Any = {"messages": [HumanMessage(text)]}
    if way == "invoke":
        agent.invoke(messages, config)
    elif way == "ainvoke":
        await agent.ainvoke(messages, config)
    elif way == "stream":
        list(agent.stream(messages, config, stream_mode="messages"))
    else:
        _ = [chunk async for chunk in agent.astream(messages, config, stream_mode="messages")]
    held: list[Any] = agent.get_state(config).values["messages"]
    return held


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("calls", [1, 2])
async def test_an_agent_runs_the_tools_and_the_thread_goes_on(
    hr: Server, way: str, calls: int
) -> None:
    model = ChatCloudBase(base_url=hr.url, **KNOWN)
    agent = create_agent(model, OWN, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": f"{way}-{calls}-{hr.port}"}}
    question = "call for the weather" if calls == 1 else "call twice"
    held = await asked(agent, question, config, way)
    results = ["sunny in Paris", "21 degrees in Paris"][:calls]
    assert [message.type for message in held] == ["human", "ai", *["tool"] * calls, "ai"]
    assert [text for kind, text in seen(held[-1].text) if kind == "tool"] == results
    held = await asked(agent, "thanks", config, way)
    told = [kind for kind, _ in seen(held[-1].text)]
    assert told == ["human", "ai", *["tool"] * calls, "ai", "human"]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_thread_goes_on_in_another_process(hr: Server, way: str, tmp_path: Path) -> None:
    settings = {**KNOWN, "base_url": hr.url}
    step = ("ChatCloudBase", settings, tmp_path / "threads.sqlite", way)
    asked = stepped(*step, "call for the weather")
    assert [kind for kind, _ in asked["held"]] == ["human", "ai"]
    followed = stepped(*step, "", "thanks")
    assert [kind for kind, _ in followed["held"]] == ["human", "ai", "tool", "ai", "human", "ai"]
    told = seen(followed["held"][-1][1])
    assert [kind for kind, _ in told] == ["human", "ai", "tool", "ai", "human"]
    assert told[2][1] == "sunny in Paris"
    assert len({thread for thread in followed["threads"] if thread}) == 1


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("calls", [1, 2])
async def test_a_function_agent_runs_the_tools(hr: Server, streaming: bool, calls: int) -> None:
    own = [FunctionTool.from_defaults(each) for each in (weather, temperature)]
    llm = CloudBaseLLM(base_url=hr.url, **KNOWN)
    agent = FunctionAgent(tools=own, llm=llm, streaming=streaming)
    answer = await agent.run("call for the weather" if calls == 1 else "call twice")
    results = ["sunny in Paris", "21 degrees in Paris"][:calls]
    assert [text for kind, text in seen(str(answer)) if kind == "tool"] == results


def test_openai_requests_to_an_agent_of_ones_own(hr: Server) -> None:
    agent = CloudBaseOpenAI(base_url=hr.url, route="bots", **KNOWN)
    for ask in (agent.ask, lambda prompt: list(agent.stream(prompt))[-1].reply):
        assert seen(ask("hi").text)[-1] == ["human", "hi"]


def test_a_tool_is_demanded_in_each_turn(hr: Server) -> None:
    model = ChatCloudBase(base_url=hr.url, **KNOWN)
    forced = model.bind_tools([OWN[0]], tool_choice="any")
    config: Any = {"configurable": {"thread_id": f"demanded-{hr.port}"}}
    history: list[Any] = []
    for question in ("hi", "hi again"):
        message = forced.invoke([*history, HumanMessage(question)], config)
        history += [HumanMessage(question), message]
        *_, demand, asked = [text for kind, text in seen(message.text) if kind == "human"]
        assert demand.startswith("Answer the next message by calling one of these tools")
        assert asked == question
