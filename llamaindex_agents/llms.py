"""The hosted agents as LlamaIndex LLMs; what they do is in `_llm.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamaindex_agents.base import RemoteAgent
from remote_agents.services.ag_ui import AGUISettings
from remote_agents.services.bluenexus import BlueNexusSettings
from remote_agents.services.cloudbase import CloudBaseSettings
from remote_agents.services.cloudbase_openai import CloudBaseOpenAISettings
from remote_agents.services.maiagent import MaiAgentSettings
from remote_agents.services.private_ai import PrivateAISettings

if TYPE_CHECKING:
    import remote_agents as clients


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
