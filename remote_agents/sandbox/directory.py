"""Who lives in the sandbox: each agent's key and paths, and the manifest that tells a client.

This is the one place where a service is entered; `app.py` finds its module by the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Agent:
    """One agent of the sandbox, as a client has to address it.

    Args:
        agent_id: Its id.
        api_key: The key that it wants.
        env_prefix: What its environment variables begin with.
        paths: Pattern of how its paths begin; of several services the longest match counts.
        chat: How the path that asks for an answer ends.
        scheme: Word before the key in `Authorization`.
        extra: Further ids that a client may need.
    """

    agent_id: str
    api_key: str
    env_prefix: str
    paths: str
    chat: str = "/chat/completions"
    scheme: str = "Bearer"
    extra: dict[str, str] = field(default_factory=dict)

    def manifest(self, base_url: str) -> dict[str, Any]:
        """The entry of this agent in ``GET /``."""
        values = {"base_url": base_url, "agent_id": self.agent_id, "api_key": self.api_key}
        env = {f"{self.env_prefix}_{name.upper()}": value for name, value in values.items()}
        return {**values, **self.extra, "env": env}


# Both CloudBase protocols are one service: a client reads one set of variables for the two.
AGENTS = {
    "cloudbase": Agent(
        "bot-handbook",
        "sandbox-cloudbase-key",
        "CLOUDBASE",
        paths="/v1/aibot/",
        chat="/send-message",
        extra={"ag_ui_agent_id": "agent-handbook"},
    ),
    "cloudbase_openai": Agent(
        "bot-handbook",
        "sandbox-cloudbase-key",
        "CLOUDBASE",
        paths="/v1/aibot/(bots/[^/]+/)?openai/",
    ),
    "private_ai": Agent(
        "6b1f0c52-8d7e-4a43-9f35-2c64a1d0e7b8",
        "sandbox-private-ai-key",
        "PRIVATE_AI",
        paths="/api/v1/(compatibility/openai/v1|control)/",
        extra={
            "knowledge_base_id": "4f1d7a90-2c6e-4b35-9a18-d0e5c7b3f264",
            "index_id": "b82e05c3-71f9-4da6-8e40-1c93fa6d2b57",
        },
    ),
    "bluenexus": Agent(
        "agent-3f9c21",
        "sandbox-bluenexus-key",
        "BLUENEXUS",
        paths="/api/v1/(agents|models|credit-transactions)",
    ),
    "maiagent": Agent(
        "0d5be1a7-63f4-4c0e-b1c9-7a2e8f4d9c10",
        "sandbox-maiagent-key",
        "MAIAGENT",
        paths="/(api|_storage)/",
        chat="/completions/",
        scheme="Api-Key",
        extra={
            "knowledge_base_id": "e3b7f150-9d24-46c8-a2f6-58c1d09e7b3a",
            "contact_id": "c9a4d7e2-15b8-4f6a-8e03-91d2b7c6f5a4",
            "web_chat_id": "a17c3e90-4b2d-4d58-9c6f-e0f81b2a3d47",
        },
    ),
}


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


_PATHS = {name: re.compile(agent.paths) for name, agent in AGENTS.items()}


def endpoint_of(path: str) -> str | None:
    """Which service a path belongs to; None for the sandbox's own pages."""
    found = [(match.end(), name) for name, at in _PATHS.items() if (match := at.match(path))]
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
