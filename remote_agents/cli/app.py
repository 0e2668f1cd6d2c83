"""The commands of `remote-agents`, on typer and rich (extra `cli`)."""

from __future__ import annotations

import typer

from remote_agents.cli.chat import ask, chat
from remote_agents.cli.check import check
from remote_agents.cli.conform import conform
from remote_agents.cli.record import record, replay
from remote_agents.cli.resources import agents, conversations, messages, models, records

__all__ = ["app"]

app = typer.Typer(
    help="Ask hosted agents from the shell.",
    epilog="--version prints the version. "
    "Exit codes: 0 it worked, 1 the service said no, 2 wrong command or configuration, "
    "3 the service was not reached in time, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(chat)
app.command()(ask)
app.command()(check)
app.command()(conform)
app.command()(record)
app.command()(replay)
app.command()(agents)
app.command()(models)
app.add_typer(conversations, name="conversations")
app.add_typer(messages, name="messages")
app.add_typer(records, name="records")


@app.command(add_help_option=False)
def sandbox() -> None:
    """Run a local server that speaks the protocols of all services."""
    # Handled before typer is imported; listed here for the help.


@app.command(add_help_option=False)
def demo() -> None:
    """Watch the agents answer in LangChain and LlamaIndex, on the sandbox."""
