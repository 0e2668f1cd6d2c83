"""MaiAgent chatbot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.maiagent import MaiAgentSettings

if TYPE_CHECKING:
    import remote_agents as clients


class MaiAgent(MaiAgentSettings, RemoteAgent):
    """MaiAgent chatbot.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import MaiAgent

        llm = MaiAgent(agent_id="3f2b...", api_key="...")
        print(llm.as_query_engine().query("How many vacation days do I get?").source_nodes)
        ```
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.MaiAgent:
            """The plain client of the same agent, for the rest of the service's API."""
