"""The service's own parameters: an unknown one is refused, one that does no harm is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_agents.callers import warn
from remote_agents.client_tools import check_tools, forced_tool
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.service import Endpoint
from remote_agents.settings import FRAMEWORK_PARAMETERS
from remote_agents.unknown_names import unknown_in_call, unknown_name


def check_parameters(endpoint: Endpoint, parameters: Mapping[str, Any]) -> JsonObject:
    """The parameters of a constructor that are set, if the endpoint knows them all.

    Raises:
        ConfigurationError: Names the unknown one, and the nearest that is valid; `stop` is no text.
    """
    accepted = endpoint.accepted
    for name in parameters:
        if name not in accepted and name not in FRAMEWORK_PARAMETERS:
            raise ConfigurationError(unknown_name(endpoint, name), endpoint=endpoint.name)
    read_stops(parameters.get("stop"))
    return {name: value for name, value in parameters.items() if value is not None} or _NONE


_NONE: JsonObject = {}  # one for all agents, of which there may be many


def check_call(endpoint: Endpoint, parameters: Mapping[str, Any]) -> JsonObject:
    """The parameters of a call that are set, without those that do no harm.

    Raises:
        ConfigurationError: Names the unknown one, and the nearest that is valid; or a tool that is
            none.
    """
    known = endpoint.taken_by_calls.union(FRAMEWORK_PARAMETERS)
    told = {name: value for name, value in parameters.items() if value is not None}
    for name in [*told]:
        if name in known:
            continue
        if not _is_harmless(name, told.pop(name)):
            raise ConfigurationError(unknown_in_call(endpoint, name), endpoint=endpoint.name)
    settled = _settle_choice(told) if "tool_choice" in told else told
    if settled.get("tools"):
        check_tools(endpoint, settled["tools"], settled.get("tool_choice"))
    return settled


def _settle_choice(told: JsonObject) -> JsonObject:
    """A call in which no tool is offered where none may be called, and one that has to be named."""
    choice = told.pop("tool_choice")
    if choice == "none":
        told.pop("tools", None)
    elif forced := forced_tool(choice):
        told["tool_choice"] = forced
    return told


# What frameworks, and scripts written for other models, habitually pass, and what an agent that has
# no use for it need not be told.
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "stream": (True, False),
    "tool_choice": ("auto", "none"),
    "suggest": (False,),
    "tools": ([], ()),
    "logprobs": (False,),
    "echo": (False,),
    "strict": (True, False),
    "best_of": (1,),
    "formatted": (True, False),
}


_MEANINGLESS = frozenset(
    {"stream_usage", "stream_options", "parallel_tool_calls", "ls_structured_output_format"}
    | {"callbacks", "tags", "metadata", "run_name", "run_id", "verbose", "use_cache"}
)


def _is_harmless(name: str, value: object) -> bool:
    return name in _MEANINGLESS or value in _HARMLESS.get(name, ())


def warn_of_ignored(endpoint: Endpoint, parameters: Mapping[str, Any]) -> None:
    """Warn of each standard parameter that the service cannot honour, at the caller's line."""
    for name in ("temperature", "max_tokens"):
        if parameters.get(name) is not None and name not in endpoint.parameters:
            warn(f"{endpoint.title} has no {name}: the agent's own setting is used.")


def read_stops(value: object) -> tuple[str, ...]:
    """Stop sequences, given as one or as several; an empty text stops nothing."""
    if not value:
        return ()
    stops = (value,) if isinstance(value, str) else value
    if not isinstance(stops, (list, tuple)) or not all(isinstance(stop, str) for stop in stops):
        raise ConfigurationError(f"stop is a text or a list of texts, not {value!r}.")
    return tuple(filter(None, stops))
