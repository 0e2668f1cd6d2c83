"""The chat models: the generic one, with the typed fields of each service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._chat import ChatAgent
from remote_agents.services.ag_ui import AGUISettings
from remote_agents.services.bluenexus import BlueNexusSettings
from remote_agents.services.cloudbase import CloudBaseSettings
from remote_agents.services.cloudbase_openai import CloudBaseOpenAISettings
from remote_agents.services.maiagent import MaiAgentSettings
from remote_agents.services.private_ai import PrivateAISettings

if TYPE_CHECKING:
    import remote_agents as clients

__all__ = [
    "ChatAGUI",
    "ChatAgent",
    "ChatBlueNexus",
    "ChatCloudBase",
    "ChatCloudBaseOpenAI",
    "ChatMaiAgent",
    "ChatPrivateAI",
]


class ChatAGUI(AGUISettings, ChatAgent):
    """An agent that speaks AG-UI as a chat model.

    Setup:
        Set `AG_UI_BASE_URL`, or pass the arguments below.

        .. code-block:: bash

            pip install "remote-agents[langchain]"
            export AG_UI_BASE_URL="https://example.com/agent"

    Key init args:
        base_url: The whole address of the agent; else `AG_UI_BASE_URL`.
        api_key: A string, or a function that gives a fresh token; else `AG_UI_API_KEY`; optional.
        default_headers: Headers that go with every request, where the agent wants its key in one.
        memory: `auto` (default), `server` or `client`; see the guide on memory.
        timeout: Seconds for each phase, or a `Timeout` (default 10 to connect, 120 to the first
            event, 60 between events).
        max_retries: How often a request that certainly did not run is repeated (default 2).

    Instantiate:
        .. code-block:: python

            from langchain_agents import ChatAGUI

            model = ChatAGUI(base_url="https://example.com/agent")

    Tool calling:
        .. code-block:: python

            model.bind_tools([get_weather]).invoke("What is the weather in Paris?").tool_calls

    Response metadata:
        .. code-block:: python

            message.response_metadata  # finish_reason, conversation_id, agent, interrupts, ...
    """


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
            # request_id, credits_consumed, credits_remaining, turn: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBase:
            """The plain client of the same agent, for the rest of the service's API."""


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
            # request_id, credits_consumed, credits_remaining, turn: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBaseOpenAI:
            """The plain client of the same agent, for the rest of the service's API."""


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
        response_format: The form of every answer; `with_structured_output` sets it.
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
            # request_id, credits_consumed, credits_remaining, turn: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.PrivateAI:
            """The plain client of the same agent, for the rest of the service's API."""


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
            # request_id, credits_consumed, credits_remaining, turn: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.BlueNexus:
            """The plain client of the same agent, for the rest of the service's API."""


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
            # request_id, credits_consumed, credits_remaining, turn: each where it is known
            message.usage_metadata  # None where the service counts no tokens
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.MaiAgent:
            """The plain client of the same agent, for the rest of the service's API."""
