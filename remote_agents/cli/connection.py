"""What every command has: an endpoint, its address and key, and errors without traceback."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from remote_agents.arguments.connection import environment_of
from remote_agents.client import Client
from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    UnsupportedContentError,
)
from remote_agents.json_types import JsonObject
from remote_agents.services import ENDPOINTS
from remote_agents.settings import DEFAULTS
from remote_agents.types.sanitizing import sanitized, sanitized_json

Connect: TypeAlias = Callable[..., Client]


def _endpoint(name: str) -> str:
    known = [each for each in (name, name.replace("-", "_").lower()) if each in list(ENDPOINTS)]
    if not known:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(ENDPOINTS)}.")
    try:
        return ENDPOINTS[known[0]].name
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error


def _begun(incomplete: str) -> list[str]:
    """What a shell completes."""
    begun = incomplete.replace("-", "_")
    return [name for name in ENDPOINTS if name.replace("-", "_").startswith(begun)]


Json = Annotated[bool, typer.Option("--json", help="Print JSON lines, for machines.")]


def _connection(
    base_url: Annotated[
        str | None, typer.Option(help="Root address; else <SERVICE>_BASE_URL.")
    ] = None,
    agent_id: Annotated[
        str | None, typer.Option(help="The agent; else <SERVICE>_AGENT_ID.")
    ] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="File that holds the key; else <SERVICE>_API_KEY.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait for the first word, and between words.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other argument of the client."),
    ] = None,
) -> JsonObject:
    """The client's arguments; this signature is also that of the options."""
    given = {"base_url": base_url, "agent_id": agent_id, "timeout": timeout}
    given["api_key"] = _key(api_key_file) if api_key_file else None
    return {k: v for k, v in given.items() if v is not None} | dict(map(_setting, settings or ()))


def _key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The key cannot be read from {path}: {error}.") from error
    if not key:
        raise ConfigurationError(f"The key cannot be read from {path}: the file is empty.")
    return key


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(f"--set takes NAME=VALUE, not {text!r}.")
    if name == "api_key":
        raise ConfigurationError("A key on the command line is seen by others: --api-key-file.")
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    if name in _OBJECTS:
        raise ConfigurationError(f"{name} cannot be given on a command line.")
    if isinstance(_DEFAULTS.get(name), (int, float)) and not isinstance(read, (int, float)):
        raise ConfigurationError(f"{name} is a number, or true or false, not {value!r}.")
    return name, read


_OBJECTS = ("http_client", "http_async_client", "session_store", "fold")
_DEFAULTS = {name: value for name, value in DEFAULTS.items() if name != "verify"}


def connected(command: Callable[..., Any]) -> Callable[..., None]:
    """Make a command of a function that takes `connect`, its own options and `as_json`.

    The endpoint comes first among its arguments, the options of the connection come last.
    """
    options = _parameters(_connection)
    endpoint = Annotated[
        str,
        typer.Argument(
            callback=_endpoint, autocompletion=_begun, help=f"One of {', '.join(ENDPOINTS)}."
        ),
    ]
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [p for p in _parameters(command) if p.name != "connect"]
    parameters = [inspect.Parameter("endpoint", kind, annotation=endpoint), *own, *options]

    @wraps(command)
    def run(endpoint: str, **given: Any) -> None:
        connection = {option.name: given.pop(option.name) for option in options}
        with reported(as_json=given.get("as_json", False)):
            command(partial(_connect, endpoint, connection), **given)

    del run.__dict__["__wrapped__"]
    run.__dict__["__signature__"] = inspect.Signature([p.replace(kind=kind) for p in parameters])
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    # Python 3.10's get_type_hints would hide the options of what is None by default.
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _connect(
    endpoint: str, connection: JsonObject, *, any_agent: bool = False, **more: Any
) -> Client:
    """A client; `any_agent` where the agent does not matter, as who looks for it cannot name it."""
    service, given = ENDPOINTS[endpoint], _connection(**connection)
    if any_agent and f"{service.env}_AGENT_ID" not in environment_of(service):
        given.setdefault("agent_id", "-")
    return Client.kind_of(service)(**given, **more)


@contextmanager
def reported(*, as_json: bool) -> Iterator[None]:
    """Turn an error into one message and an exit code."""
    try:
        yield
    except AgentError as error:
        report(error, as_json=as_json)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def report(error: AgentError, *, as_json: bool) -> None:
    """Say what went wrong and what to do."""
    if as_json:
        print_json({"type": "error", "error": type(error).__name__, "message": str(error)})
    else:
        print(sanitized(str(error)), file=sys.stderr)


def exit_code(error: AgentError) -> int:
    """The exit code that an error means; see `remote_agents.cli`."""
    if isinstance(error, (ConfigurationError, UnsupportedContentError)):
        return 2
    return 3 if isinstance(error, (AgentConnectionError, AgentTimeoutError)) else 1


def print_json(value: Any) -> None:
    """Print one JSON line."""
    print(sanitized_json(json.dumps(value, ensure_ascii=False, default=str)), flush=True)
