"""An agent that speaks AG-UI, by its address."""

from __future__ import annotations

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.ag_ui import AGUISettings


class AGUI(AGUISettings, RemoteAgent):
    """An agent that speaks AG-UI, by its address.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import AGUI

        llm = AGUI(base_url="https://example.com/agent")
        print(llm.complete("How many vacation days do I get?"))
        ```
    """
