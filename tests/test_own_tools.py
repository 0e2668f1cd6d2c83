"""Tools of the caller's for the agent of a service of one's own, which states `tools=True`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent

from remote_agents import ClientToolCall, ConfigurationError, service
from tests.raw_server import EVENTS, RawServer, head, serving

# LlamaIndex looks at all attributes of its agents, the deprecated ones of Pydantic too.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211"),
]


@pytest.fixture(scope="module")
def porter() -> Iterator[Any]:
    """The service's classes, which are known to this module's tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_registered", dict(service.registered()))
        from tests import porter

        yield porter


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def frame(**said: str) -> list[bytes]:
    return [head(EVENTS) + b"data: " + json.dumps(said).encode() + b"\n\n"]


TWO_TURNS = (frame(call="weather"), frame(say="It is sunny."))


def settings(server: RawServer) -> dict[str, Any]:
    return {"base_url": server.url, "api_key": "k", "max_retries": 0}


def bodies(server: RawServer) -> list[Any]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def check(server: RawServer, answer: str) -> None:
    assert answer == "It is sunny."
    first, second = bodies(server)
    assert "weather" in json.dumps(first["tools"])
    assert second["said"][-1] == {"by": "tool", "say": "sunny in Paris"}


async def test_an_agent_of_langchain_calls_them(porter: Any) -> None:
    with serving(*TWO_TURNS) as server:
        agent = create_agent(porter.ChatPorter(**settings(server)), tools=[weather])
        answer = await agent.ainvoke({"messages": [("user", "How is the weather?")]})
        check(server, answer["messages"][-1].text)


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_of_llamaindex_calls_them(porter: Any, streaming: bool) -> None:
    with serving(*TWO_TURNS) as server:
        llm = porter.PorterLLM(**settings(server))
        agent = FunctionAgent(tools=[weather.func], llm=llm, streaming=streaming)
        check(server, str(await agent.run("How is the weather?")))


def test_the_plain_client_offers_them(porter: Any) -> None:
    with serving(*TWO_TURNS) as server:
        reply = porter.Porter(**settings(server)).ask("How is it?", tools=[{"name": "weather"}])
        assert reply.tool_calls == [ClientToolCall("c", "weather", {"city": "Paris"})]


def test_a_misspelt_name_is_answered_with_them(porter: Any) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'tools'"):
        porter.Porter(base_url="http://localhost:1", api_key="k").ask("Hi", tool=[])
