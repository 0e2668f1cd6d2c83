"""A MaiAgent chatbot as a chat model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.maiagent import MaiAgentSettings

if TYPE_CHECKING:
    import remote_agents as clients


class ChatMaiAgent(MaiAgentSettings, ChatAgent):
    """A MaiAgent chatbot as a chat model.

    Setup:
        Set `MAIAGENT_API_KEY`, or pass the arguments below.

        .. code-block:: bash

            pip install "remote-agents[langchain]"
            export MAIAGENT_API_KEY="your-key"

    Key init args:
        agent_id: The agent; else `MAIAGENT_AGENT_ID`.
        api_key: A string, or a function that gives a fresh token; else `MAIAGENT_API_KEY`.
        base_url: Root address; else `MAIAGENT_BASE_URL`, else the service's own.
        sender: Who is asking, as the service wants it.
        query_metadata: Passed to the agent with every question.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatMaiAgent

            model = ChatMaiAgent(agent_id="0d5be1a7-...")

    Conversation:
        .. code-block:: python

            config = {"configurable": {"thread_id": "u1"}}
            model.invoke("How many vacation days do I get?", config)
            model.invoke("And part-time staff?", config)

        Images, audio and files in messages are uploaded, bytes too.

    Citations:
        .. code-block:: python

            for block in message.content_blocks:
                for source in block.get("annotations", ()):
                    print(source.get("title"), source.get("url"))

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
        def client(self) -> clients.MaiAgent:
            """The plain client of the same agent, for the rest of the service's API."""
