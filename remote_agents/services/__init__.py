"""One module a service: its facts, how a turn is asked, how a frame is read. Pure."""

from __future__ import annotations

from remote_agents.service import Endpoint
from remote_agents.services.bluenexus.chat import ENDPOINT as BLUENEXUS
from remote_agents.services.cloudbase.chat import ENDPOINT as CLOUDBASE
from remote_agents.services.cloudbase_openai.chat import ENDPOINT as CLOUDBASE_OPENAI
from remote_agents.services.maiagent.chat import ENDPOINT as MAIAGENT
from remote_agents.services.private_ai.chat import ENDPOINT as PRIVATE_AI

__all__ = ["ENDPOINTS", "Endpoint"]

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (CLOUDBASE, CLOUDBASE_OPENAI, PRIVATE_AI, BLUENEXUS, MAIAGENT)
}
