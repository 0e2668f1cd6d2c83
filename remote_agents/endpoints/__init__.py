"""One module a service: its facts, how a turn is asked, how a frame is read. Pure."""

from __future__ import annotations

from remote_agents.endpoints._base import Endpoint
from remote_agents.endpoints.bluenexus import ENDPOINT as BLUENEXUS
from remote_agents.endpoints.cloudbase import ENDPOINT as CLOUDBASE
from remote_agents.endpoints.cloudbase_openai import ENDPOINT as CLOUDBASE_OPENAI
from remote_agents.endpoints.maiagent import ENDPOINT as MAIAGENT
from remote_agents.endpoints.private_ai import ENDPOINT as PRIVATE_AI

__all__ = ["ENDPOINTS", "Endpoint"]

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (CLOUDBASE, CLOUDBASE_OPENAI, PRIVATE_AI, BLUENEXUS, MAIAGENT)
}
