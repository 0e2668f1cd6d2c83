"""VMware Private AI Service agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.private_ai import PrivateAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class PrivateAI(PrivateAISettings, RemoteAgent):
    """VMware Private AI Service agent.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import PrivateAI

        llm = PrivateAI(base_url="https://pais.example.com", agent_id="hr", api_key="...")
        for token in llm.stream_complete("How many vacation days do I get?"):
            print(token.delta, end="")
        ```
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.PrivateAI:
            """The plain client of the same agent, for the rest of the service's API."""
