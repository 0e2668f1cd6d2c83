"""Tools of the caller's, for agents that can be given some."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from remote_agents.client_tools import forced_tool, tools_refused
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.service import Endpoint

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool


def offered(
    endpoint: Endpoint, tools: Sequence[BaseTool], *, required: bool, choice: object
) -> JsonObject:
    """The arguments of a call that offers tools to an agent.

    Raises:
        ConfigurationError: The agent brings its own tools and takes no others.
    """
    if not tools:
        return {}
    if not endpoint.tools:
        raise ConfigurationError(
            tools_refused(endpoint, "llm.as_tool(...)"), endpoint=endpoint.name
        )
    told = [_told(tool) for tool in tools]
    chosen = choice == "none" or forced_tool(choice)
    return {"tools": told, "tool_choice": choice if chosen else "any" if required else None}


def _told(tool: BaseTool) -> JsonObject:
    """A tool by its own name: LlamaIndex writes others, by which its agents then know no tool."""
    told: JsonObject = tool.metadata.to_openai_tool(skip_length_check=True)
    return {**told, "function": {**told["function"], "name": tool.metadata.get_name()}}


def asked(
    user_msg: str | ChatMessage | None, history: Sequence[ChatMessage] | None
) -> list[ChatMessage]:
    """The messages of a call with tools."""
    messages = list(history or ())
    if user_msg is not None:
        new = ChatMessage(user_msg, role="user") if isinstance(user_msg, str) else user_msg
        messages.append(new)
    return messages


def selections(response: ChatResponse) -> list[ToolSelection]:
    """The calls that an answer asks for."""
    blocks = [b for b in response.message.blocks if isinstance(b, ToolCallBlock)]
    return [
        ToolSelection(
            tool_id=block.tool_call_id or "",
            tool_name=block.tool_name,
            tool_kwargs=_arguments(block.tool_kwargs),
        )
        for block in blocks
    ]


def keep_first_call(response: ChatResponse) -> None:
    """Leave out all calls of an answer but the first."""
    blocks = response.message.blocks
    calls = [id(block) for block in blocks if isinstance(block, ToolCallBlock)]
    response.message.blocks = [block for block in blocks if id(block) not in calls[1:]]


def _arguments(given: JsonMapping | str) -> Arguments:
    value = json.loads(given) if isinstance(given, str) else given
    return dict(value)
