"""A BlueNexus agent as a chat model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.bluenexus import BlueNexusSettings

if TYPE_CHECKING:
    import remote_agents as clients


class ChatBlueNexus(BlueNexusSettings, ChatAgent):
    """A BlueNexus agent as a chat model.

    Setup:
        Set `BLUENEXUS_API_KEY`, or pass the arguments below.

        .. code-block:: bash

            pip install "remote-agents[langchain]"
            export BLUENEXUS_API_KEY="your-key"

    Key init args:
        agent_id: The agent; else `BLUENEXUS_AGENT_ID`, else `default`.
        api_key: A string, or a function that gives a fresh token; else `BLUENEXUS_API_KEY`.
        base_url: Root address; else `BLUENEXUS_BASE_URL`, else the service's own.
        temperature: Sampling temperature.
        max_tokens: The most tokens of an answer.
        rate_limit: `30/minute` keeps within the account's documented limit.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatBlueNexus

            model = ChatBlueNexus(agent_id="default")

    Conversation:
        .. code-block:: python

            config = {"configurable": {"thread_id": "u1"}}
            model.invoke("How many vacation days do I get?", config)
            model.invoke("And part-time staff?", config)

        Every reply carries its conversation's id, so a history continues by itself too.

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
        def client(self) -> clients.BlueNexus:
            """The plain client of the same agent, for the rest of the service's API."""
