"""Tencent CloudBase agent, by its OpenAI protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.cloudbase_openai import CloudBaseOpenAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class CloudBaseOpenAI(CloudBaseOpenAISettings, RemoteAgent):
    """Tencent CloudBase agent, by its OpenAI protocol.

    It keeps no conversation: the whole history is sent each time.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import CloudBaseOpenAI

        llm = CloudBaseOpenAI(env_id="my-env", agent_id="bot-1a2b3c", api_key="...")
        print(llm.complete("How many vacation days do I get?"))
        ```
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBaseOpenAI:
            """The plain client of the same agent, for the rest of the service's API."""
