"""Who lives in the sandbox: its agents by their names, and the manifest that tells a client."""

from __future__ import annotations

import re
from typing import Any

from remote_agents.sandbox.agent import Agent

AGENTS: dict[str, Agent] = {}  # entered by `remote_agents.sandbox.services`


def agent_of(endpoint: str) -> Agent:
    """The agent of an endpoint; ValueError for one that does not exist."""
    if endpoint not in AGENTS:
        raise ValueError(f"unknown endpoint {endpoint!r}; there are: {', '.join(AGENTS)}")
    return AGENTS[endpoint]


def manifest(base_url: str) -> dict[str, Any]:
    """The answer to ``GET /``.

    Example:
        >>> manifest("http://127.0.0.1:8700")["agents"]["bluenexus"]["agent_id"]
        'agent-3f9c21'
    """
    return {"agents": {name: agent.manifest(base_url) for name, agent in AGENTS.items()}}


def environment(base_url: str) -> dict[str, str]:
    """The environment variables of all agents in one dict."""
    return {
        name: value
        for agent in AGENTS.values()
        for name, value in agent.manifest(base_url)["env"].items()
    }


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


def right_key(endpoint: str, authorization: str) -> bool:
    """Whether an Authorization header carries the key of this endpoint's agent."""
    agent = AGENTS[endpoint]
    scheme, _, key = authorization.partition(" ")
    return scheme.lower() == agent.scheme.lower() and key == agent.api_key
