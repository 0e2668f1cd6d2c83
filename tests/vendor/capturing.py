"""Captures transcripts of vendors' running servers: `python -m tests.vendor.capturing`."""

from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from types import MappingProxyType
from typing import Any, NamedTuple

from remote_agents import (
    AgentError,
    CloudBase,
    CloudBaseOpenAI,
    Message,
    Recorder,
    Transcript,
)
from remote_agents.client import Client
from tests.vendor.serving import HERE, interpreter, served

WIRE = HERE.parent / "wire"
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Capture(NamedTuple):
    """One session with a vendor's server.

    Args:
        kind: The client that asks.
        shape: Of the agent that the server runs.
        ask: What is asked.
        settings: Of the client, beside where the agent is.
    """

    kind: type[Client]
    shape: str
    ask: Callable[[Any], object]
    settings: Mapping[str, Any] = MappingProxyType({})


def two_turns(agent: CloudBase) -> None:
    *_, finish = agent.stream("Hello")
    agent.ask(["Hello", finish.reply, "And who am I? 你好"])


def resumed(agent: CloudBase) -> None:
    paused = agent.ask("delete it")
    agent.ask([Message("user", "delete it"), paused], resume="yes")


def failed(agent: CloudBase) -> None:
    try:
        agent.ask("fail please")
    except AgentError as error:
        assert "broke down" in str(error)  # noqa: PT017 - it is recorded


SHAPES = {
    "remembers": "keeps its threads",
    "forgets": "keeps no threads",
    "static": "answers without a model",
    "interrupts": "asks a person",
}
CAPTURES = {
    "cloudbase.tencent": Capture(CloudBase, "remembers", two_turns),
    "cloudbase.tencent_forgets": Capture(CloudBase, "forgets", two_turns),
    "cloudbase.tencent_snapshot": Capture(CloudBase, "static", lambda agent: agent.ask("hi")),
    "cloudbase.tencent_person": Capture(CloudBase, "interrupts", resumed),
    "cloudbase.tencent_tools": Capture(
        CloudBase, "forgets", lambda agent: agent.ask("call for the weather", tools=[TOOL])
    ),
    "cloudbase.tencent_failed": Capture(CloudBase, "forgets", failed),
    "cloudbase_openai.tencent": Capture(
        CloudBaseOpenAI, "forgets", lambda agent: list(agent.stream("hi")), {"route": "bots"}
    ),
}


def captured(capture: Capture) -> Transcript:
    """What goes over the wire of a session with Tencent's server, running."""
    with served("vendor", "cloudbase.py", capture.shape) as server:
        settings = {"base_url": server.url, "agent_id": "agent-hr", "api_key": "k"}
        with capture.kind(**settings, **capture.settings) as agent:
            server_of = f"Tencent's {_versions()}, running"
            source = f"captured from {server_of}; an agent that {SHAPES[capture.shape]}"
            # Its texts are a script's; ids and addresses are replaced all the same.
            with Recorder(agent, source=source, keep_text=True) as recorder:
                capture.ask(agent)
    return recorder.transcript()


def _versions() -> str:
    folder = interpreter("vendor").parent.parent / "lib"
    found = distributions(path=[str(path) for path in folder.glob("python*/site-packages")])
    known = {each.metadata["Name"]: each.version for each in found}
    names = ("cloudbase-agent-server", "cloudbase-agent-langgraph", "ag-ui-langgraph")
    return ", ".join(f"{name} {known[name]}" for name in names)


if __name__ == "__main__":
    for name, capture in CAPTURES.items():
        (WIRE / f"{name}.txt").write_text(str(captured(capture)), "utf-8", newline="\n")
