"""Who lives in the sandbox: the five agents, their keys, and the manifest that tells a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Agent:
    """One agent of the sandbox, as a client has to address it."""

    agent_id: str
    api_key: str
    env_prefix: str
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
        extra={"ag_ui_agent_id": "agent-handbook"},
    ),
    "cloudbase_openai": Agent("bot-handbook", "sandbox-cloudbase-key", "CLOUDBASE"),
    "private_ai": Agent(
        "6b1f0c52-8d7e-4a43-9f35-2c64a1d0e7b8", "sandbox-private-ai-key", "PRIVATE_AI"
    ),
    "bluenexus": Agent("agent-3f9c21", "sandbox-bluenexus-key", "BLUENEXUS"),
    "maiagent": Agent(
        "0d5be1a7-63f4-4c0e-b1c9-7a2e8f4d9c10",
        "sandbox-maiagent-key",
        "MAIAGENT",
        scheme="Api-Key",
        extra={
            "contact_id": "c9a4d7e2-15b8-4f6a-8e03-91d2b7c6f5a4",
            "web_chat_id": "a17c3e90-4b2d-4d58-9c6f-e0f81b2a3d47",
        },
    ),
}


def manifest(base_url: str) -> dict[str, Any]:
    """The answer to ``GET /``.

    Example:
        >>> manifest("http://127.0.0.1:8700")["agents"]["bluenexus"]["agent_id"]
        'agent-3f9c21'
    """
    return {"agents": {name: agent.manifest(base_url) for name, agent in AGENTS.items()}}


def environment(base_url: str) -> dict[str, str]:
    """The environment variables of all five agents in one dict."""
    return {
        name: value
        for agent in AGENTS.values()
        for name, value in agent.manifest(base_url)["env"].items()
    }


PREFIXES = (
    ("/v1/aibot/openai/", "cloudbase_openai"),
    ("/v1/aibot/", "cloudbase"),
    ("/api/v1/compatibility/openai/v1/", "private_ai"),
    ("/api/v1/agents", "bluenexus"),
    ("/api/v1/models", "bluenexus"),
    ("/api/v1/credit-transactions", "bluenexus"),
    ("/api/", "maiagent"),
    ("/_storage/", "maiagent"),
)


def endpoint_of(path: str) -> str | None:
    """Which service a path belongs to; None for the sandbox's own pages."""
    if path.startswith("/v1/aibot/bots/") and path.endswith("/openai/chat/completions"):
        return "cloudbase_openai"
    return next((name for prefix, name in PREFIXES if path.startswith(prefix)), None)


def is_chat(method: str, path: str) -> bool:
    """Whether a request asks an agent for an answer."""
    ends = ("/send-message", "/chat/completions", "/completions/")
    return method == "POST" and path.endswith(ends)


def right_key(endpoint: str, authorization: str) -> bool:
    """Whether an Authorization header carries the key of this endpoint's agent."""
    agent = AGENTS[endpoint]
    scheme, _, key = authorization.partition(" ")
    return scheme.lower() == agent.scheme.lower() and key == agent.api_key
