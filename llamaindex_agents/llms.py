"""The hosted agents as LlamaIndex LLMs: typed fields, and what they do is in `_llm.py`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from llamaindex_agents.base import RemoteAgent
from remote_agents.services import ENDPOINTS, Endpoint


class CloudBase(RemoteAgent):
    """Tencent CloudBase agent.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import CloudBase

        llm = CloudBase(env_id="my-env", agent_id="bot-1a2b3c", api_key="...")
        print(llm.complete("How many vacation days do I get?"))
        ```
    """

    endpoint: ClassVar[Endpoint] = ENDPOINTS["cloudbase"]

    env_id: str | None = Field(default=None, description="The CloudBase environment.")
    region: Literal["cn", "intl"] | None = Field(default=None, description="Where it is.")
    search_enable: bool | None = Field(default=None, description="Search the web.")
    files: list[str] | None = Field(default=None, description="Ids of files to read.")
    dialect: Literal["auto", "classic", "ag-ui"] | None = Field(
        default=None, description="What requests look like; auto goes by the agent id."
    )


class CloudBaseOpenAI(RemoteAgent):
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

    endpoint: ClassVar[Endpoint] = ENDPOINTS["cloudbase_openai"]

    env_id: str | None = Field(default=None, description="The CloudBase environment.")
    region: Literal["cn", "intl"] | None = Field(default=None, description="Where it is.")


class PrivateAI(RemoteAgent):
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

    endpoint: ClassVar[Endpoint] = ENDPOINTS["private_ai"]

    seed: int | None = Field(default=None, description="Seed of the sampling.")
    n: int | None = Field(default=None, description="How many answers; the first is the text.")
    max_completion_tokens: int | None = Field(default=None, description="Longest answer.")
    top_p: float | None = Field(default=None, description="Nucleus sampling.")
    top_k: int | None = Field(default=None, description="Sample from so many tokens.")
    frequency_penalty: float | None = Field(default=None, description="Penalty for repetition.")
    presence_penalty: float | None = Field(default=None, description="Penalty for old topics.")
    response_format: dict[str, Any] | None = Field(default=None, description="Form of the answer.")
    model: str | None = Field(default=None, description="The model behind the agent.")
    route: Literal["agents", "assistants"] | None = Field(
        default=None, description="The path that the service has its agents under."
    )

    def _longest_answer(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class BlueNexus(RemoteAgent):
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

    endpoint: ClassVar[Endpoint] = ENDPOINTS["bluenexus"]


class MaiAgent(RemoteAgent):
    """MaiAgent chatbot.

    Examples:
        `pip install "remote-agents[llamaindex]"`

        ```python
        from llamaindex_agents import MaiAgent

        llm = MaiAgent(agent_id="3f2b...", api_key="...")
        print(llm.as_query_engine().query("How many vacation days do I get?").source_nodes)
        ```
    """

    endpoint: ClassVar[Endpoint] = ENDPOINTS["maiagent"]

    sender: dict[str, Any] | str | None = Field(default=None, description="Who asks.")
    query_metadata: dict[str, Any] | None = Field(
        default=None, description="Limits what of the knowledge base is searched."
    )
    content_payload: dict[str, Any] | None = Field(default=None, description="Structured input.")
    root: str | None = Field(
        default=None, description="What all paths begin with: /api or /api/v1; else found out."
    )
