"""VMware Private AI Service agents: the facts, and the arguments."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import StrictFloat, StrictInt, StrictStr

from remote_agents.service import Endpoint
from remote_agents.services.private_ai.chat import decode, turn
from remote_agents.settings import CallArguments, Settings

ENDPOINT = Endpoint(
    name="private_ai",
    title="VMware Private AI Service",
    document="Create Assistant Chat Completion (VMware Private AI Service API)",
    env="PRIVATE_AI",
    turn=turn,
    decode=decode,
    keeps="asked",
    parameters=(
        "temperature",
        "seed",
        "n",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "top_p",
        "top_k",
        "frequency_penalty",
        "presence_penalty",
        "response_format",
        "model",
    ),
    options=("route",),
    cites=True,
    searches="knowledge_base",
    counts_streams=False,  # the document defines `usage` for whole answers only
    native_json=True,
    conversation_word="session",
    client="remote_agents.services.private_ai.client",
)


class PrivateAISettings(Settings):
    """What a constructor takes for PrivateAI, beside what all take."""

    endpoint: ClassVar[Endpoint] = ENDPOINT

    route: Literal["assistants", "agents"] | None = None
    """The path that the service has its agents under; `assistants` by default."""
    model: StrictStr | None = None
    """The model that the agent is asked to use."""
    seed: StrictInt | None = None
    """For answers that can be repeated."""
    n: StrictInt | None = None
    """How many choices; more than one come as further generations."""
    max_completion_tokens: StrictInt | None = None
    """The most tokens of an answer."""
    top_p: StrictFloat | None = None
    """Nucleus sampling."""
    top_k: StrictInt | None = None
    """Sampling from the k likeliest."""
    frequency_penalty: StrictFloat | None = None
    """Penalty for frequent tokens."""
    presence_penalty: StrictFloat | None = None
    """Penalty for tokens that are there already."""
    response_format: dict[str, Any] | None = None
    """The form of every answer, as OpenAI defines it."""


class PrivateAICall(CallArguments, total=False):
    """What one call may say to PrivateAI."""

    route: Literal["assistants", "agents"] | None
    model: str | None
    seed: int | None
    n: int | None
    max_completion_tokens: int | None
    top_p: float | None
    top_k: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    response_format: dict[str, Any] | None
