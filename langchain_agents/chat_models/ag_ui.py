"""An agent that speaks AG-UI as a chat model."""

from __future__ import annotations

from langchain_agents._chat import ChatAgent
from remote_agents.services.ag_ui import AGUISettings


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
