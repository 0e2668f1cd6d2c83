"""A Tencent CloudBase agent as a chat model (native protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.cloudbase import CloudBaseSettings

if TYPE_CHECKING:
    import remote_agents as clients


class ChatCloudBase(CloudBaseSettings, ChatAgent):
    """A Tencent CloudBase agent as a chat model (native protocol).

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
        search_enable: Whether the agent may search the web.
        files: Links or `cloud://` ids that go with every turn.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatCloudBase

            model = ChatCloudBase(agent_id="bot-1", env_id="my-env")

    Conversation:
        .. code-block:: python

            config = {"configurable": {"thread_id": "u1"}}
            model.invoke("How many vacation days do I get?", config)
            model.invoke("And part-time staff?", config)

        The conversation is created on the first turn of a thread.

    Citations:
        .. code-block:: python

            for block in message.content_blocks:
                for source in block.get("annotations", ()):
                    print(source.get("title"), source.get("url"))

        Its searches and tools are `server_tool_call` and `server_tool_result` blocks, its
        thinking a `reasoning` block.

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
        def client(self) -> clients.CloudBase:
            """The plain client of the same agent, for the rest of the service's API."""
