"""A recording of turns with tools of the caller's is replayed by the program that has the tools."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent

from remote_agents import Recorder, Replay
from remote_agents.recording.standins import shape_of
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import make

# LlamaIndex looks at all attributes of its agents, the deprecated ones of Pydantic too.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211"),
]
CALLED: list[int] = []


def planet_weather(city: str, q: int = 3) -> str:
    """The weather of a city."""
    CALLED.append(len(city))
    return f"sunny in {city}"


async def by_langchain(model: Any, streaming: bool) -> str:
    agent = create_agent(model, tools=[tool(planet_weather)])
    question = {"messages": [("user", "What is the weather in Paris?")]}
    if not streaming:
        return str((await agent.ainvoke(question))["messages"][-1].text)
    *_, last = [state async for state in agent.astream(question, stream_mode="values")]
    return str(last["messages"][-1].text)


async def by_llamaindex(llm: Any, streaming: bool) -> str:
    agent = FunctionAgent(tools=[planet_weather], llm=llm, streaming=streaming)
    return str(await agent.run("What is the weather in Paris?"))


AGENTS = {"langchain": by_langchain, "llamaindex": by_llamaindex}


@pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])
@pytest.mark.parametrize("framework", AGENTS)
@pytest.mark.parametrize("streaming", [True, False])
async def test_the_tools_are_called_again(
    sandbox: Sandbox, service: str, framework: str, streaming: bool
) -> None:
    named = {"agent_id": "agent-handbook"} if service == "cloudbase" else {}
    model = make(framework, service, **{**sandbox.kwargs(service), **named})
    CALLED.clear()
    with Recorder(model) as recorder:
        recorded = await AGENTS[framework](model, streaming)
    written = str(recorder.transcript())
    assert "planet" not in written
    assert '"city"' not in written
    with Replay(recorder.transcript()) as replay:
        again = await AGENTS[framework](make(framework, service, **replay.kwargs()), streaming)
        assert (replay.left, replay.refused) == (0, [])
    assert shape_of(again) == shape_of(recorded)
    assert [len("Paris")] * 2 == CALLED
