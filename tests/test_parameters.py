"""Each service's own arguments: every class has them, and each reaches the request."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import langchain_agents
import llamaindex_agents
from langchain_agents import AgentLLM, ChatAgent
from llamaindex_agents import RemoteAgent
from remote_agents import ConfigurationError
from remote_agents.endpoints import ENDPOINTS, Endpoint
from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.directory import AGENTS
from tests.matrix import FRAMEWORKS, NAMES, Way

# What a parameter may be where the number one is of no use.
VALUES: dict[str, Any] = {
    "stop": ["zzz"],
    "model": "llama-3.3-70b-instruct",
    "response_format": {"type": "json_object"},
    "search_enable": True,
    "files": ["https://files.example/a.pdf"],
    "sender": AGENTS["maiagent"].extra["contact_id"],
    "query_metadata": {"team": "sales"},
    "content_payload": {"kind": "question"},
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", [name for name in NAMES if ENDPOINTS[name].parameters])
async def test_every_parameter_reaches_the_request(
    sandbox: Sandbox, endpoint: str, framework: str
) -> None:
    given = {name: VALUES.get(name, 1) for name in ENDPOINTS[endpoint].parameters}
    settings = {**sandbox.kwargs(endpoint), **given}
    await Way(framework, endpoint, streamed=False, awaited=False, **settings).ask("Hello")
    sent = dict(_fields(sandbox.requests(endpoint)[-1]["body"]))
    assert {name: sent.get(_plain(name)) for name in given} == given


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a body at any depth, whatever the case of their names."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield _plain(name), inner
        yield from _fields(inner)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


CLASSES = [
    getattr(package, name.format(kind))
    for kind in NAMES.values()
    for package, name in (
        (langchain_agents, "Chat{}"),
        (langchain_agents, "{}LLM"),
        (llamaindex_agents, "{}"),
    )
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_a_field_for_each_of_its_services_arguments(kind: Any) -> None:
    facts = kind.endpoint
    assert {*facts.parameters, *facts.options} <= set(kind.model_fields)


@pytest.mark.parametrize("base", [ChatAgent, AgentLLM, RemoteAgent])
def test_a_class_without_the_field_is_told_from_a_typing_error(base: Any) -> None:
    class Bare(base):
        endpoint: ClassVar[Endpoint] = ENDPOINTS["private_ai"]

    with pytest.raises(ConfigurationError, match="takes 'top_p', but this class has no field"):
        Bare(agent_id="a", api_key="k", base_url="https://host.example", top_p=1)
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        Bare(agent_id="a", api_key="k", base_url="https://host.example", temprature=1)
