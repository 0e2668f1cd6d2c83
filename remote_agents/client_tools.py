"""Tools of the caller's: which agents take them, and what forces a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from remote_agents.errors import ConfigurationError
from remote_agents.service import Endpoint


def tools_refused(endpoint: Endpoint, instead: str) -> str:
    """What to say of tools that an agent cannot be given.

    Args:
        endpoint: The facts of its service.
        instead: How another model of the framework calls the agent.
    """
    return (
        f"A {endpoint.title} agent brings its own tools and cannot be given others: configure "
        f"them at the service, or let another model call this one with {instead}."
    )


def broken_call(name: object, arguments: object) -> str:
    """A call in a history whose arguments cannot be read, as a line of the dialogue."""
    return f"[called {name} with arguments that are no JSON: {arguments}]"


def forced_tool(choice: object) -> str | None:
    """The tool that has to be called, or `any`; None where the agent chooses.

    Args:
        choice: As frameworks and OpenAI's protocol say it: a name, a word, or a mapping.

    Example:
        >>> forced_tool("required"), forced_tool("auto")
        ('any', None)
    """
    if isinstance(choice, Mapping):
        function = choice.get("function")
        choice = function.get("name") if isinstance(function, Mapping) else choice.get("name")
    if choice is True or choice == "required":
        return "any"
    return str(choice) if choice and choice not in ("auto", "none") else None


def check_tools(endpoint: Endpoint, tools: Iterable[object], choice: object) -> None:
    """See that tools are functions of the caller's, and that the one to be called is among them.

    Args:
        endpoint: The facts of the service.
        tools: In OpenAI's form or as AG-UI has them.
        choice: The tool that has to be called, or `any`, if one has.

    Raises:
        ConfigurationError: One is no function, or the choice names none of them.
    """
    for tool in tools if isinstance(tools, Iterable) else [tools]:
        if not isinstance(tool, Mapping) or not isinstance(_name(tool), str):
            raise ConfigurationError(
                f"{endpoint.title} takes functions of yours as tools, each with a name, a "
                f"description and parameters; {_shown(tool)} is none.",
                endpoint=endpoint.name,
            )
    names = tool_names(tools)
    if choice not in (None, "any", *names):
        raise ConfigurationError(
            f"tool_choice names {choice!r}, and the tools are {', '.join(sorted(names))}.",
            endpoint=endpoint.name,
        )


def _shown(tool: object) -> str:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    return repr(kind or tool)[:80]


def tool_names(tools: Iterable[object] | None) -> frozenset[str]:
    """The names of tools, given in OpenAI's form or as AG-UI has them.

    Example:
        >>> tool_names([{"type": "function", "function": {"name": "get_weather"}}])
        frozenset({'get_weather'})
    """
    return frozenset(str(_name(tool)) for tool in tools or () if isinstance(tool, Mapping))


def _name(tool: Mapping[str, object]) -> object:
    function = tool.get("function")
    return (function if isinstance(function, Mapping) else tool).get("name")
