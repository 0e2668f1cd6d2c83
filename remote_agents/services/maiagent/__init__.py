"""MaiAgent chatbots: the facts, and the arguments."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import StrictStr

from remote_agents.service import Endpoint
from remote_agents.services.maiagent.chat import ROOTS, decode, for_agent, turn
from remote_agents.settings import CallArguments, Settings

ENDPOINT = Endpoint(
    name="maiagent",
    title="MaiAgent",
    document="Conversations and Messages (docs.maiagent.ai)",
    env="MAIAGENT",
    turn=turn,
    decode=decode,
    base_url="https://api.maiagent.ai",
    auth_scheme="Api-Key",
    keeps="handed",
    roles=frozenset({"user"}),
    history=False,
    parameters=("sender", "query_metadata", "content_payload"),
    askers=("sender",),
    options=("root",),
    addressing=("root",),
    roots=ROOTS,
    for_agent=for_agent,
    attachments=frozenset({"image", "audio", "file"}),
    takes_links=False,
    uploads=True,
    cites=True,
    searches="knowledge_base",
    counts=False,
    client="remote_agents.services.maiagent.client",
)


class MaiAgentSettings(Settings):
    """What a constructor takes for MaiAgent, beside what all take."""

    endpoint: ClassVar[Endpoint] = ENDPOINT

    sender: dict[str, Any] | StrictStr | None = None
    """Who is asking, as the service wants it: the id of a contact."""
    query_metadata: dict[str, Any] | None = None
    """Goes with every question; limits what of the knowledge base is searched."""
    content_payload: dict[str, Any] | None = None
    """Structured content that goes with every question."""
    root: Literal["/api", "/api/v1"] | None = None
    """What all paths begin with; else found out."""


class MaiAgentCall(CallArguments, total=False):
    """What one call may say to MaiAgent."""

    sender: dict[str, Any] | str | None
    query_metadata: dict[str, Any] | None
    content_payload: dict[str, Any] | None
