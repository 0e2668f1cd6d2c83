"""`ask` and `chat`: an answer as it comes."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from remote_agents.cli.connection import (
    Connect,
    Json,
    connected,
    exit_code,
    print_json,
    report,
)
from remote_agents.cli.sessions import remembered
from remote_agents.cli.terminal import answer_view
from remote_agents.client import Client
from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.types import (
    Alternative,
    Attachment,
    Citation,
    ClientToolCall,
    Event,
    File,
    Finish,
    Interrupt,
    Message,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolResult,
    Unknown,
    Update,
    Usage,
)
from remote_agents.types.citations import names_of
from remote_agents.types.files import listed
from remote_agents.types.sanitizing import sanitized, sanitized_line

HELP = "/new starts a new conversation, /session NAME goes to another one, /quit ends."
RESUMES = "--resume goes with --session NAME or --conversation ID, without --system and --file."
BEGINS_ANEW = "--new goes with --session NAME, without --conversation and --resume."
KINDS = {
    TextDelta: "text",
    ReasoningDelta: "reasoning",
    Citation: "citation",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    Usage: "usage",
    ClientToolCall: "client_tool_call",
    File: "file",
    Interrupt: "interrupt",
    Update: "update",
    Alternative: "alternative",
    Unknown: "unknown",
}


@connected
def ask(
    connect: Connect,
    question: Annotated[str, typer.Argument(help="The question; - reads it from the input.")],
    conversation: Annotated[
        str | None, typer.Option(help="Id of a conversation of the service to go on with.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="A name of yours for the dialogue; the next call goes on.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system message before it.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="A file that goes along; may be repeated.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--new", help="Begin the dialogue of --session anew.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="It answers what the agent waits for a person to say.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask one question: the answer goes to the output as it comes, all else to the error output."""
    text = sys.stdin.read() if question == "-" else question
    if resume and (system or file or not (session or conversation)):
        raise ConfigurationError(RESUMES)
    if anew and (resume or conversation or not session):
        raise ConfigurationError(BEGINS_ANEW)
    asked = [] if resume else _question_of(text, system, file or [])
    answer = {"resume": _answer_in(text)} if resume else {}
    with connect() if session is None else remembered(connect, session, anew=anew) as client:
        events = client.stream(asked, conversation_id=conversation, session_id=session, **answer)
        _show(events, as_json=as_json, beside=_console(stderr=True))


@connected
def chat(connect: Connect, as_json: Json = False) -> None:
    """Talk to an agent. /new, /session NAME, /quit; with --json, a line of input is a message."""
    with connect() as client:
        failed = Chat(client, as_json=as_json).run()
    if failed is not None and not sys.stdin.isatty():
        raise typer.Exit(exit_code(failed))


class Chat:
    """Dialogues with one agent, by the names of their sessions."""

    def __init__(self, client: Client, *, as_json: bool) -> None:
        self._client = client
        self._as_json = as_json
        self._typed = sys.stdin.isatty() and not as_json
        self._session = ""
        self._dialogues: dict[str, list[str | Reply]] = {}
        self._new()

    def run(self) -> AgentError | None:
        """Talk until the end; gives the last error, if a turn failed."""
        failed = None
        for line in self._lines():
            if line.startswith("/"):
                if line.split()[0] in ("/quit", "/exit"):
                    break
                self._obey(line)
                continue
            try:
                self._turn(line)
            except AgentError as error:
                failed = error
                report(error, as_json=self._as_json)
        return failed

    def _lines(self) -> Iterator[str]:
        if self._typed:
            with suppress(ImportError):
                import readline  # noqa: F401 - gives input() its history and keys
            self._say(f"{self._client.agent.name}. {HELP}")
        while True:
            try:
                line = input("> " if self._typed else "").strip()
            except EOFError:
                return
            except KeyboardInterrupt:
                if not self._typed:
                    raise
                self._say("\n/quit ends.")
                continue
            if line:
                yield line

    def _obey(self, line: str) -> None:
        command, _, name = line.partition(" ")
        if command == "/new":
            self._new()
            self._say("A new conversation.")
        elif command == "/session" and name.strip():
            self._session = name.strip()
            said = self._dialogues.setdefault(self._session, [])
            turns = sum(isinstance(each, str) for each in said)
            self._say(f"Session {self._session}, {turns} turns so far.")
        else:
            self._say(HELP)

    def _new(self) -> None:
        self._session = f"chat-{uuid.uuid4().hex[:8]}"
        self._dialogues[self._session] = []

    def _turn(self, text: str) -> None:
        """One turn; Ctrl-C cuts the answer and keeps the chat."""
        dialogue = self._dialogues[self._session]
        last = dialogue[-1] if dialogue else text
        waits = isinstance(last, Reply) and last.interrupts
        asked = [] if waits else [text]
        answer = {"resume": _answer_in(text)} if waits else {}
        # The whole dialogue: the client sends what is new to a service that keeps conversations.
        events = self._client.stream([*dialogue, *asked], session_id=self._session, **answer)
        try:
            reply = _show(events, as_json=self._as_json)
        except KeyboardInterrupt:
            self._say("\n(cut)")
            return
        dialogue += [*asked, reply]

    def _say(self, text: str) -> None:
        if self._as_json:
            print_json({"type": "note", "message": text})
        else:
            _console().print(Text(text, "dim"), soft_wrap=True)


def _question_of(text: str, system: str | None, files: Sequence[Path]) -> list[Message]:
    before = [Message("system", system)] if system else []
    return [*before, Message("user", text, [Attachment.from_path(path) for path in files])]


def _answer_in(line: str) -> Any:
    """What a person answers: words, or a JSON object, list, true or false, as some agents want."""
    with suppress(ValueError, RecursionError):
        value = json.loads(line)
        return value if isinstance(value, (dict, list, bool)) else line
    return line


def _console(*, stderr: bool = False) -> Console:
    return Console(highlight=False, stderr=stderr)


def _show(
    events: Generator[Event, None, None], *, as_json: bool, beside: Console | None = None
) -> Reply:
    """Show a turn; what is not the answer's text goes to `beside`, if it is another console."""
    begun = time.monotonic()
    with closing(events):
        return _as_lines(events, begun) if as_json else _as_text(events, begun, beside)


def _as_lines(events: Iterator[Event], begun: float) -> Reply:
    for event in events:
        if isinstance(event, Finish):
            finish = event
        else:
            print_json({"type": KINDS[type(event)], **_event_fields(event)})
    reply = finish.reply
    usage = asdict(reply.usage) if reply.usage else None
    citations = [citation.to_dict() for citation in reply.citations]
    whole = {"text": reply.text, "citations": citations, "usage": usage, **reply.metadata()}
    if reply.files:
        whole["files"] = [file.to_dict() for file in reply.files]
    print_json({"type": "finish", **whole, "seconds": round(time.monotonic() - begun, 3)})
    return reply


def _event_fields(event: Any) -> JsonObject:
    known: JsonObject = event.to_dict() if hasattr(event, "to_dict") else asdict(event)
    return known


def _as_text(events: Iterator[Event], begun: float, beside: Console | None) -> Reply:
    console = _console()
    other = beside or console
    with closing(answer_view(console, other)) as answer:
        for event in events:
            if isinstance(event, (TextDelta, ReasoningDelta)):
                answer.add(KINDS[type(event)], event.text)
            elif isinstance(event, Finish):
                reply = event.reply
    _print_sources(other, reply)
    _print_files(other, reply)
    _print_questions(other, reply)
    other.print(Text(_facts(reply, time.monotonic() - begun), "dim"), soft_wrap=True)
    return reply


def _print_sources(console: Console, reply: Reply) -> None:
    for number, (name, url) in enumerate(names_of(reply.citations), 1):
        where = f"  {url}" if url and not name.startswith(url) else ""
        console.print(Text(sanitized_line(f"[{number}] {name}{where}"), "cyan"), soft_wrap=True)


def _print_files(console: Console, reply: Reply) -> None:
    for line in listed(reply.files):
        console.print(Text(line, "cyan"), soft_wrap=True)


def _print_questions(console: Console, reply: Reply) -> None:
    for asked in reply.interrupts:
        line = f"The agent waits for a person: {asked.question or asked.value}"
        console.print(Text(sanitized_line(line), "yellow"), soft_wrap=True)


def _facts(reply: Reply, seconds: float) -> str:
    facts: list[Any] = [f"{seconds:.1f} s"]
    if reply.usage:
        facts.append(f"{reply.usage.total_tokens} tokens")
    if reply.conversation_id:
        facts.append(f"conversation {sanitized(reply.conversation_id)}")
    if reply.finish_reason != "stop":
        facts.append(f"ended by {sanitized(str(reply.finish_reason))}")
    return ", ".join(facts)
