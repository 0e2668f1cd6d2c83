"""`record` and `replay`: what goes over the wire, to be shown, and to be answered again."""

from __future__ import annotations

import sys
import threading
import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from remote_agents.cli.connection import Connect, connected, exit_code, print_json, report, reported
from remote_agents.client import Client
from remote_agents.conformance import FIRST, SECOND
from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.recording.recorder import LIVE, Recorder
from remote_agents.recording.replay import Replay
from remote_agents.types import Finish, Reply
from remote_agents.types.sanitizing import sanitized
from remote_agents.written_files import file_to_write


@connected
def record(
    connect: Connect,
    to: Annotated[Path, typer.Option(help="File to write; an old one is replaced.")],
    question: Annotated[
        list[str] | None, typer.Option(help="What a turn asks; may be repeated, for more turns.")
    ] = None,
    keep_text: Annotated[
        bool, typer.Option("--keep-text", help="Keep questions and answers as they are.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write it without asking.")] = False,
    source: Annotated[str, typer.Option(help="What is recorded, for whoever reads it.")] = LIVE,
) -> None:
    """Record a few turns as they go over the wire, without keys, ids, hosts, addresses and texts.

    Shows the transcript, and writes it when you have agreed.
    """
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError(
            "The transcript is shown before it is written, and nobody is there to agree: run this "
            "in a terminal, or give --yes."
        )
    to, questions = file_to_write(to), question or [FIRST, SECOND]
    turns = "one short turn" if len(questions) == 1 else f"{len(questions)} short turns"
    print(f"It takes {turns} of the agent.", file=sys.stderr)
    with connect() as client:
        recorder = Recorder(client, source=source, keep_text=keep_text)
        failed = _turns(client, recorder, questions)
        transcript = str(recorder.transcript())
    print(sanitized(transcript))
    _write_if_agreed(transcript, to, yes=yes)
    if failed is not None:
        raise typer.Exit(exit_code(failed))


def _write_if_agreed(transcript: str, to: Path, *, yes: bool) -> None:
    if yes or typer.confirm(f"Does it hold nothing of yours? Write it to {to}?", err=True):
        try:
            to.write_text(transcript, "utf-8", newline="\n")
        except OSError as error:
            raise AgentError(f"{to} cannot be written: {error.strerror}.") from error
        print(f"Wrote {to}.", file=sys.stderr)
    else:
        print("Nothing was written.", file=sys.stderr)


def _turns(client: Client, recorder: Recorder, questions: list[str]) -> AgentError | None:
    """One dialogue, streamed and whole by turns; what fails is worth a recording too."""
    session = f"record-{uuid.uuid4().hex}"
    history: list[Any] = []
    try:
        with recorder:
            for number, question in enumerate(questions):
                ask = client.ask if number % 2 else partial(_streamed, client)
                reply = ask([*history, question], session_id=session)
                history += [question, reply]
    except AgentError as error:
        report(error, as_json=False)
        return error
    return None


def _streamed(client: Client, prompt: Any, **call: Any) -> Reply:
    *_, last = client.stream(prompt, **call)
    return cast(Finish, last).reply


def replay(
    file: Annotated[Path, typer.Argument(help="A transcript that `record` wrote.")],
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free one.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Answer as a transcript says, on this machine, until Ctrl-C."""
    with reported(as_json=as_json), Replay(file, port=port) as server, suppress(KeyboardInterrupt):
        _tell_where(server, as_json=as_json)
        threading.Event().wait()


def _tell_where(server: Replay, *, as_json: bool) -> None:
    env = server.env()
    if as_json:
        print_json({"url": server.url, "env": env})
    else:
        for name, value in env.items():
            print(f"export {name}='{sanitized(value)}'", flush=True)
        print(f"{server.left} requests are recorded. Ctrl-C ends.", file=sys.stderr)
