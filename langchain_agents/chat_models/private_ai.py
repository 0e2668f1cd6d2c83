"""A VMware Private AI Service agent as a chat model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.private_ai import PrivateAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class ChatPrivateAI(PrivateAISettings, ChatAgent):
    """A VMware Private AI Service agent as a chat model.

    Setup:
        Set `PRIVATE_AI_API_KEY` and `PRIVATE_AI_BASE_URL`, or pass the arguments below.

        .. code-block:: bash

            pip install "remote-agents[langchain]"
            export PRIVATE_AI_API_KEY="your-key"

    Key init args:
        agent_id: The agent; else `PRIVATE_AI_AGENT_ID`.
        api_key: A string, or a function that gives a fresh token; else `PRIVATE_AI_API_KEY`.
        base_url: Root address; else `PRIVATE_AI_BASE_URL`.
        temperature, max_tokens, top_p, top_k, seed, n, stop: As OpenAI defines them.
        response_format: The form of every answer; `with_structured_output` sets it. In a call it
            may be a class too.
        route: `assistants` (default) or `agents`.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatPrivateAI

            model = ChatPrivateAI(agent_id="6b1f0c52-...", base_url="https://pais.example.com")

    Conversation:
        .. code-block:: python

            config = {"configurable": {"thread_id": "u1"}}
            model.invoke("How many vacation days do I get?", config)
            model.invoke("And part-time staff?", config)

        The service is asked for a session on the first turn of a thread.

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
        def client(self) -> clients.PrivateAI:
            """The plain client of the same agent, for the rest of the service's API."""
