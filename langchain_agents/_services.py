"""What each service adds to the constructor's arguments, for its chat model and its LLM."""

from __future__ import annotations

from typing import Any, ClassVar

from langchain_agents._settings import AgentSettings
from remote_agents.services import ENDPOINTS, Endpoint


class CloudBaseSettings(AgentSettings):
    """The arguments of both CloudBase protocols."""

    env_id: str | None = None
    """Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`."""
    region: str | None = None
    """`cn` (default) or `intl`."""


class CloudBaseNativeSettings(CloudBaseSettings):
    """The arguments of CloudBase's own protocol."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["cloudbase"]

    search_enable: bool | None = None
    """Whether the agent may search the web."""
    files: list[str] | None = None
    """Links or `cloud://` ids that go with every turn."""
    dialect: str | None = None
    """`auto` (default, by the agent id), `classic` or `ag-ui`: what requests look like."""


class PrivateAISettings(AgentSettings):
    """The arguments of the Private AI Service."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["private_ai"]

    route: str | None = None
    """`assistants` (default) or `agents`."""
    model: str | None = None
    """The model that the agent is asked to use."""
    seed: int | None = None
    """For answers that can be repeated."""
    n: int | None = None
    """How many choices; more than one come as further generations."""
    max_completion_tokens: int | None = None
    """The most tokens of an answer."""
    top_p: float | None = None
    """Nucleus sampling."""
    top_k: int | None = None
    """Sampling from the k likeliest."""
    frequency_penalty: float | None = None
    """Penalty for frequent tokens."""
    presence_penalty: float | None = None
    """Penalty for tokens that are there already."""
    response_format: dict[str, Any] | None = None
    """The form of every answer, as OpenAI defines it."""


class MaiAgentSettings(AgentSettings):
    """The arguments of MaiAgent."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["maiagent"]

    sender: Any = None
    """Who is asking, as the service wants it."""
    query_metadata: Any = None
    """Passed to the agent with every question."""
    content_payload: Any = None
    """Structured content that goes with every question."""
    root: str | None = None
    """What all paths begin with: `/api` or `/api/v1` (default: found out)."""
