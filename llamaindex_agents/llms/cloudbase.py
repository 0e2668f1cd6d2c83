"""Tencent CloudBase agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.cloudbase import CloudBaseSettings

if TYPE_CHECKING:
    import remote_agents as clients


class CloudBase(CloudBaseSettings, RemoteAgent):
    """Tencent CloudBase agent.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import CloudBase

        llm = CloudBase(env_id="my-env", agent_id="bot-1a2b3c", api_key="...")
        print(llm.complete("How many vacation days do I get?"))
        ```
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBase:
            """The plain client of the same agent, for the rest of the service's API."""
