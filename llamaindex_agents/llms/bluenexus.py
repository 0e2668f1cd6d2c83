"""BlueNexus agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.bluenexus import BlueNexusSettings

if TYPE_CHECKING:
    import remote_agents as clients


class BlueNexus(BlueNexusSettings, RemoteAgent):
    """BlueNexus agent.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llama_index.core.llms import ChatMessage
        from llamaindex_agents import BlueNexus

        llm = BlueNexus(api_key="...")
        alice = llm.for_session("alice")
        alice.chat([ChatMessage("What meetings do I have today?")])
        print(alice.chat([ChatMessage("And tomorrow?")]))
        ```
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.BlueNexus:
            """The plain client of the same agent, for the rest of the service's API."""
