"""Who lives in the sandbox: its agents by their names, and the manifest that tells a client."""

from __future__ import annotations

import re
from collections.abc import Callable

from remote_agents.sandbox.agent import Agent
from remote_agents.sandbox.json_types import JsonObject

AGENTS: dict[str, Agent] = {}  # entered by `remote_agents.sandbox.services`
BROKEN: dict[str, str] = {}  # why an agent of an installed package is not here


def agent_of(endpoint: str) -> Agent:
    """The agent of an endpoint; ValueError for one that does not exist, or whose package breaks."""
    if endpoint in BROKEN:
        raise ValueError(f"The sandbox is without {endpoint!r}: {BROKEN[endpoint]}")
    if endpoint not in AGENTS:
        raise ValueError(f"unknown endpoint {endpoint!r}; there are: {', '.join(AGENTS)}")
    return AGENTS[endpoint]


def manifest(base_url: str, key_of: Callable[[str], str] | None = None) -> JsonObject:
    """The answer to ``GET /``.

    Args:
        base_url: where the sandbox answers.
        key_of: gives the key of an endpoint's agent, where it is not the fixed one.

    Example:
        >>> manifest("http://127.0.0.1:8700")["agents"]["bluenexus"]["agent_id"]
        'agent-3f9c21'
    """
    keys = {name: key_of(name) if key_of else agent.api_key for name, agent in AGENTS.items()}
    agents = {name: agent.manifest(base_url, keys[name]) for name, agent in AGENTS.items()}
    return {"agents": agents}


def environment(base_url: str, key_of: Callable[[str], str] | None = None) -> dict[str, str]:
    """The environment variables of all agents in one dict."""
    agents = manifest(base_url, key_of)["agents"].values()
    return {name: value for agent in agents for name, value in agent["env"].items()}


def endpoint_of(path: str) -> str | None:
    """Which service a path belongs to; None for the sandbox's own pages."""
    found = [
        (match.end(), name)
        for name, agent in AGENTS.items()
        if (match := re.match(agent.paths, path))
    ]
    return max(found)[1] if found else None


def is_chat(method: str, path: str) -> bool:
    """Whether a request asks an agent for an answer."""
    endpoint = endpoint_of(path)
    return method == "POST" and endpoint is not None and path.endswith(AGENTS[endpoint].chat)
