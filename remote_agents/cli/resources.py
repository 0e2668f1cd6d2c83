"""`conversations`, `messages` and `records`: what a service holds, as a table or JSON lines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from remote_agents.cli.connection import Connect, Json, connected, print_json
from remote_agents.client import Client
from remote_agents.errors import ConfigurationError
from remote_agents.resources.items import AgentInfo, Item, Message, Model, Record
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.types.sanitizing import sanitized

TABLE_ROWS = 50
COLUMNS: dict[type[Item], tuple[str, ...]] = {
    Record: ("created_at", "input_message", "output_message", "reply_time"),
    Message: ("created_at", "role", "content"),
    AgentInfo: ("id", "name"),
    Model: ("id",),
    Item: ("id", "title", "created_at"),
}


class ListByDefault(TyperGroup):
    """`records maiagent` means `records list maiagent`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, which is `list` unless it is named."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["list", *args])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands, and the services that `list` takes."""
        service = self.commands["list"].params[0]
        return super().shell_complete(ctx, incomplete) + service.shell_complete(ctx, incomplete)


def _group(what: str) -> typer.Typer:
    return typer.Typer(
        cls=ListByDefault,
        help=f"{what}; `list` may be left out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )


conversations = _group("The conversations that a service keeps")
messages = _group("The messages of a conversation")
records = _group("What people asked an agent and what it answered")

Limit = Annotated[
    int | None,
    typer.Option(min=1, help=f"How many; {TABLE_ROWS} in a table, all with --json by default."),
]
PageSize = Annotated[int | None, typer.Option(min=1, help="How many the service sends at once.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")]
Start = Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD.")]
End = Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.")]
Asked = Annotated[str | None, typer.Option(help="Only where the question contains this.")]
Answered = Annotated[str | None, typer.Option(help="Only where the answer contains this.")]


@connected
def agents(
    connect: Connect, limit: Limit = None, cursor: Cursor = None, as_json: Json = False
) -> None:
    """List the agents that the key may ask."""
    _list(connect, "agents", limit, as_json, cursor=cursor)


@connected
def models(
    connect: Connect, limit: Limit = None, cursor: Cursor = None, as_json: Json = False
) -> None:
    """List the models that a service runs."""
    _list(connect, "models", limit, as_json, cursor=cursor)


@conversations.command("list")
@connected
def list_conversations(
    connect: Connect,
    keyword: Annotated[str | None, typer.Option(help="Only those that contain this.")] = None,
    inbox: Annotated[str | None, typer.Option(help="Only those of this inbox.")] = None,
    limit: Limit = None,
    page_size: PageSize = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List conversations."""
    asked = {"keyword": keyword, "inbox": inbox, "page_size": page_size, "cursor": cursor}
    _list(connect, "conversations", limit, as_json, **asked)


@conversations.command("delete")
@connected
def delete_conversation(
    connect: Connect,
    conversation: Annotated[str, typer.Argument(help="Id of the conversation.")],
    as_json: Json = False,
) -> None:
    """Delete a conversation with its messages."""
    with connect() as client:
        _operation(client, "conversations", "delete")(conversation)
    if as_json:
        print_json({"deleted": conversation})
    else:
        print(f"Deleted {sanitized(conversation)}.")


@messages.command("list")
@connected
def list_messages(
    connect: Connect,
    conversation: Annotated[str, typer.Argument(help="Id of the conversation.")],
    limit: Limit = None,
    page_size: PageSize = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List the messages of a conversation."""
    asked = {"conversation_id": conversation, "page_size": page_size, "cursor": cursor}
    _list(connect, "messages", limit, as_json, **asked)


@records.command("list")
@connected
def list_records(
    connect: Connect,
    start: Start = None,
    end: End = None,
    user_message: Asked = None,
    bot_message: Answered = None,
    conversation: Annotated[str | None, typer.Option(help="Only of this conversation.")] = None,
    limit: Limit = None,
    page_size: PageSize = None,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List records."""
    asked = {"start": start, "end": end, "user_message": user_message, "bot_message": bot_message}
    more = {"conversation_id": conversation, "page_size": page_size, "cursor": cursor}
    _list(connect, "records", limit, as_json, **asked, **more)


@records.command("export")
@connected
def export_records(
    connect: Connect,
    file: Annotated[Path, typer.Argument(help="Excel file to write; an old one is replaced.")],
    start: Start = None,
    end: End = None,
    user_message: Asked = None,
    bot_message: Answered = None,
    as_json: Json = False,
) -> None:
    """Save records as an Excel file."""
    asked = {"start": start, "end": end, "user_message": user_message, "bot_message": bot_message}
    with connect() as client:
        export = _operation(client, "records", "export_excel")
        size = export(file, progress=not as_json, **asked)
    if as_json:
        print_json({"path": str(file), "bytes": size})
    else:
        print(f"Wrote {size:,} bytes to {file}.")


def _operation(client: Client, resource: str, name: str) -> Any:
    title = client.agent.endpoint.title
    if not hasattr(client, resource):
        has = [
            name for name, part in vars(type(client)).items() if isinstance(part, ResourceAttribute)
        ]
        known = ", ".join(sorted(has)) or "nothing beside the chat"
        raise ConfigurationError(f"{title} has no {resource}; it has {known}.")
    operation = getattr(getattr(client, resource), name, None)
    if operation is None:
        raise ConfigurationError(f"{title} cannot {name.replace('_', ' ')} its {resource}.")
    return operation


def _list(connect: Connect, resource: str, limit: int | None, as_json: bool, **asked: Any) -> None:
    with connect(any_agent=resource in ("agents", "models")) as client:
        operation = _operation(client, resource, "list")
        given = {name: value for name, value in asked.items() if value is not None}
        known = inspect.signature(operation).parameters
        for name in given.keys() - known.keys():
            option = (
                "--conversation" if name == "conversation_id" else f"--{name.replace('_', '-')}"
            )
            title = client.agent.endpoint.title
            raise ConfigurationError(f"The {resource} of {title} cannot be chosen by {option}.")
        with closing(operation(**given)) as found:
            if as_json:
                for item in islice(found, limit):
                    print_json(item.to_dict())
            else:
                _print_table(found, limit or TABLE_ROWS)


def _print_table(found: Any, limit: int) -> None:
    items = list(islice(found, limit))
    if not items:
        print("None.")
        return
    names = next(names for kind, names in COLUMNS.items() if isinstance(items[0], kind))
    table = Table()
    for name in names:  # folded, as half an id is of no use
        table.add_column(name.replace("_", " "), overflow="fold")
    for item in items:
        table.add_row(*map(_cell, _values(item, names)))
    Console(highlight=False).print(table)
    if len(items) == limit and found.cursor:
        print(f"There may be more: --cursor '{sanitized(found.cursor)}' or a higher --limit.")


def _values(item: Item, names: tuple[str, ...]) -> Iterator[Any]:
    return (getattr(item, name) for name in names)


def _cell(value: Any) -> Text:
    """As text: what an agent or a user wrote is no markup."""
    if hasattr(value, "isoformat"):
        return Text(str(value.strftime("%Y-%m-%d %H:%M")))
    text = "" if value is None else sanitized(str(value))
    return Text(text if len(text) <= 200 else f"{text[:200]}...")
