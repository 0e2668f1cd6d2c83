"""``python -m remote_agents.sandbox``: the sandbox in the foreground."""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from remote_agents.sandbox.app.app import create_app
from remote_agents.sandbox.directory import AGENTS, environment, manifest
from remote_agents.sandbox.mind.answers import Brain
from remote_agents.sandbox.mind.knowledge import HANDBOOK, Knowledge
from remote_agents.sandbox.mind.upstream import Upstream
from remote_agents.sandbox.service import Service, Settings, parse_rate
from remote_agents.sandbox.serving.server import listen, serve
from remote_agents.sandbox.serving.state import Store


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit code.

    Args:
        argv: the arguments after the program's name; those of the process by default.
    """
    options = _parser().parse_args(argv)
    if options.documents is not None and not options.documents.is_dir():
        return _give_up(options, f"The folder of documents does not exist: {options.documents}")
    try:
        sock = listen(options.port)
    except OSError as error:
        port = options.port
        return _give_up(
            options, f"Port {port} is not available ({error.strerror}): choose another."
        )
    with sock, tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        try:
            store = Store(options.state or str(Path(folder) / "state.sqlite"))
        except sqlite3.Error as error:
            return _give_up(options, f"{options.state} cannot hold the conversations: {error}.")
        with closing(store):
            _run(options, sock, store)
    return 0


def _run(options: argparse.Namespace, sock: socket.socket, store: Store) -> None:
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    settings = Settings(word_delay=options.word_delay, rate_limit=options.rate_limit)
    brain = Brain(Knowledge(options.documents or HANDBOOK), use_context=not options.ignore_context)
    upstream = Upstream(options.upstream) if options.upstream else None
    service = Service(url, store, brain, settings, upstream)
    serve(create_app(service), sock, _ready(options, url), options.until_eof)


def _ready(options: argparse.Namespace, url: str) -> Callable[[], None]:
    def ready() -> None:
        with suppress(BrokenPipeError):  # whoever started it has gone; so will it
            print(_greeting(options, url), flush=True)

    return ready


def _greeting(options: argparse.Namespace, url: str) -> str:
    if options.until_eof:
        return json.dumps({"url": url})
    if options.json:
        return json.dumps(manifest(url))
    if options.print_env:
        return "\n".join(f"export {name}={value}" for name, value in environment(url).items())
    lines = [f"The sandbox answers at {url} (Ctrl-C ends it).", ""]
    lines += [f"  {name:<17} agent {a.agent_id}  key {a.api_key}" for name, a in AGENTS.items()]
    lines += ["", f"Everything a client needs: curl {url}/", "Shell variables: --print-env"]
    return "\n".join(lines)


def _give_up(options: argparse.Namespace, problem: str) -> int:
    if options.until_eof:
        print(json.dumps({"error": problem}), flush=True)
    else:
        print(problem, file=sys.stderr)
    return 2


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text!r}")
    return int(text)


def _rate(text: str) -> str:
    try:
        parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="remote-agents sandbox",
        description="A local server that speaks the protocols of all remote agents.",
        epilog="--print-env prints the variables first and then serves: "
        "run it in the background with its output in a file, and source the file.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=8700, help="0 takes a free one (default: %(default)s)")
    add("--documents", type=Path, help="folder of .md and .txt files to answer from")
    add("--state", help="SQLite file that keeps the conversations")
    add("--print-env", action="store_true", help="print export lines for the agents")
    add("--json", action="store_true", help="print what a client needs as a line of JSON")
    add("--word-delay", type=float, default=0.0, help="seconds between two words of a stream")
    add("--rate-limit", type=_rate, default="30/minute", help="BlueNexus's limit, or none")
    add("--upstream", help="OpenAI-compatible server that answers instead, up to its /v1")
    add("--ignore-context", action="store_true", help="answer from the documents alone")
    # The process of a `Sandbox` object: announces itself in JSON, ends with its parent.
    add("--until-eof", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
