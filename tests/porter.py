"""A service of one's own whose agent takes tools: its facts, and its three classes.

Defining them makes the service known to the whole process.
"""

from typing import Any, ClassVar

from langchain_agents import ChatAgent
from llamaindex_agents import RemoteAgent
from remote_agents import ClientToolCall
from remote_agents.client import Client
from remote_agents.flow import Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.settings import Settings
from remote_agents.types import Event, Info, Reply, TextDelta, Turn


def turn(asked: Turn) -> Flow[Reply]:
    said = [{"by": each.role, "say": each.content} for each in asked.messages]
    body = {"said": said, "tools": asked.options.get("tools")}
    reply: Reply = yield Stream(Request("POST", "/ask", json=body, stream=True), decode, None)
    return reply


def decode(data: Any, so_far: Reply) -> list[Event]:
    if data.get("call"):
        called = ClientToolCall("c", data["call"], {"city": "Paris"})
        return [called, Info(finish_reason="tool_calls")]
    return [TextDelta(data["say"]), Info(finish_reason="stop")]


PORTER = Endpoint(
    name="porter",
    title="Porter",
    document="none",
    env="PORTER",
    turn=turn,
    decode=decode,
    default_agent_id="front",
    roles=frozenset({"user", "assistant", "tool"}),
    tools=True,
)


class PorterSettings(Settings):
    endpoint: ClassVar[Endpoint] = PORTER


class Porter(PorterSettings, Client):
    """The agent without a framework."""


class ChatPorter(PorterSettings, ChatAgent):
    """The agent as a chat model of LangChain."""


class PorterLLM(PorterSettings, RemoteAgent):
    """The agent as an LLM of LlamaIndex."""
