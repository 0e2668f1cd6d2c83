"""A turn of a model, and all that it needs: loaded with the first model, not with its class."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_agents._answers import (
    BlockChunks as BlockChunks,
    ProtocolEvents as ProtocolEvents,
    TextChunks as TextChunks,
    to_result as to_result,
)
from langchain_agents._blocks import Layout as Layout, translate as translate
from langchain_agents._cache import cache_of as cache_of, usable_cache as usable_cache
from langchain_agents._convert import to_messages as to_messages
from langchain_agents._dialogue import (
    CONFIG_SPECS as CONFIG_SPECS,
    in_thread as in_thread,
    with_context as with_context,
    with_dialogue as with_dialogue,
)
from langchain_agents._errors import (
    ToolsNotSupportedError,
    as_model_error as as_model_error,
    model_errors as model_errors,
    raise_model_error,
)
from langchain_agents._event_streams import (
    aclosable as aclosable,
    awith_callbacks as awith_callbacks,
    closable as closable,
    with_callbacks as with_callbacks,
)
from langchain_agents._schema import json_schema_of, response_format
from langchain_agents._structured import StructuredOutput as StructuredOutput
from langchain_agents._without_callbacks import (
    astream_messages as astream_messages,
    stream_messages as stream_messages,
)
from remote_agents.agent import Agent as Agent
from remote_agents.client_tools import tools_refused
from remote_agents.concealed import conceal as conceal
from remote_agents.drivers import arun, run
from remote_agents.flow import Flow, Sender
from remote_agents.interrupts import raise_if_interrupted as raise_if_interrupted
from remote_agents.json_types import Arguments
from remote_agents.service import Endpoint
from remote_agents.types import (
    Event,
    Finish as Finish,
    Message as Message,
    TextDelta as TextDelta,
)
from remote_agents.unknown_names import unknown_name as unknown_name


class TurnEvents:
    """A turn's events inside a block; leaving the block ends the turn and frees its connection.

    Errors of the core leave it as LangChain's `ModelError`s.

    Args:
        flow: The turn.
        transport: Sends its requests.
    """

    def __init__(self, flow: Flow[None], transport: Sender) -> None:
        self._flow = flow
        self._transport = transport
        self._events: Any = None

    def __enter__(self) -> Iterator[Event]:
        self._events = events = run(self._flow, self._transport)
        return events

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._events.close()
        if error is not None:
            raise_model_error(error)

    async def __aenter__(self) -> AsyncIterator[Event]:
        self._events = events = arun(self._flow, self._transport)
        return events

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self._events.aclose()
        if error is not None:
            raise_model_error(error)


def call_arguments(endpoint: Endpoint, stop: object, kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments of a call that concern the agent.

    Args:
        endpoint: The facts of the service.
        stop: Where the answer ends, if the call says so.
        kwargs: What LangChain hands down.

    Raises:
        ToolsNotSupportedError: There are tools among them, and the agent cannot be given any.
    """
    tools = kwargs.get("tools") or ()
    refuse_tools(tools, endpoint)
    call = {name: value for name, value in kwargs.items() if name not in _NOT_OURS}
    if tools:
        call["tools"] = [convert_to_openai_tool(tool) for tool in tools]
        call["tool_choice"] = kwargs.get("tool_choice")
    if isinstance(form := call.get("response_format"), type):
        call["response_format"] = response_format(json_schema_of(form, None), "json_schema", None)
    if stop is not None:
        call["stop"] = stop
    return call


# `stream` only says how LangChain calls us, and `thread_id` what tracers are told.
_NOT_OURS = frozenset({"stream", "thread_id", "tools", "tool_choice"})


def refuse_tools(tools: Sequence[Any], endpoint: Endpoint) -> None:
    """Say that a hosted agent brings its own tools, if the caller brings some."""
    if tools and not endpoint.tools:
        raise ToolsNotSupportedError(
            f"{tools_refused(endpoint, 'agent_tool(model, ...)')} "
            "For answers of a given form, use with_structured_output.",
            endpoint=endpoint.name,
        )
