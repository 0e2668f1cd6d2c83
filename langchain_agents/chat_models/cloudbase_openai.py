"""A Tencent CloudBase agent as a chat model (OpenAI protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.cloudbase_openai import CloudBaseOpenAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class ChatCloudBaseOpenAI(CloudBaseOpenAISettings, ChatAgent):
    """A Tencent CloudBase agent as a chat model (OpenAI protocol).

    Setup:
        Set `CLOUDBASE_API_KEY` and `CLOUDBASE_ENV_ID`, or pass the arguments below.

        .. code-block:: bash

            pip install "remote-agents[langchain]"
            export CLOUDBASE_API_KEY="your-key"

    Key init args:
        agent_id: The agent; else `CLOUDBASE_AGENT_ID`.
        api_key: A string, or a function that gives a fresh token; else `CLOUDBASE_API_KEY`.
        base_url: Root address; else `CLOUDBASE_BASE_URL`.
        env_id: Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`.
        region: `cn` (default) or `intl`.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatCloudBaseOpenAI

            model = ChatCloudBaseOpenAI(agent_id="bot-1", env_id="my-env")

    Conversation:
        The service keeps none: pass the whole history each time, as LangGraph does with a
        checkpointer.

    Citations:
        The service names no sources.

    Response metadata:
        .. code-block:: python

            message.response_metadata
            # model_name, model_provider, finish_reason, conversation_id, agent, reply_id,
            # request_id, credits_consumed, credits_remaining, conversation, memory, memory_reason,
            # differs: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBaseOpenAI:
            """The plain client of the same agent, for the rest of the service's API."""
