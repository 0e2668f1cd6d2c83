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
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from remote_agents.extras import needs
from remote_agents.sandbox.app.app import create_app
from remote_agents.sandbox.directory import AGENTS, environment, manifest
from remote_agents.sandbox.mind.answers import Brain
from remote_agents.sandbox.mind.knowledge import HANDBOOK, Knowledge
from remote_agents.sandbox.service import Service, Settings, parse_rate
from remote_agents.sandbox.serving.keys import Keys
from remote_agents.sandbox.serving.server import listen, serve
from remote_agents.sandbox.serving.state import Store
from remote_agents.sandbox.upstream import Upstream

if TYPE_CHECKING:  # what it needs is installed only for `--tls`
    from remote_agents.sandbox.serving.certificates import Files

HERE = "127.0.0.1"


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit code.

    Args:
        argv: the arguments after the program's name; those of the process by default.
    """
    options = _parser().parse_args(argv)
    if options.documents is not None and not options.documents.is_dir():
        return _give_up(options, f"The folder of documents does not exist: {options.documents}")
    if options.tls is not None and find_spec("cryptography") is None:
        return _give_up(options, needs("--tls", "sandbox", "cryptography"))
    try:
        sock = listen(options.port, options.host)
    except OSError as error:
        place = options.port if options.host == HERE else f"{options.port} of {options.host}"
        return _give_up(
            options, f"Port {place} is not available ({error.strerror}): choose another."
        )
    with sock, tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        try:
            store = Store(options.state or str(Path(folder) / "state.sqlite"))
        except sqlite3.Error as error:
            return _give_up(options, f"{options.state} cannot hold the conversations: {error}.")
        with closing(store):
            _run(options, sock, store, _certified(options, folder))
    return 0


def _certified(options: argparse.Namespace, folder: str) -> Files | None:
    if options.tls is None:
        return None
    from remote_agents.sandbox.serving.certificates import certify

    hosts = dict.fromkeys(("localhost", HERE, "::1", *options.allow_host))
    return certify(Path(options.tls or folder).resolve(), hosts)


def _run(options: argparse.Namespace, sock: socket.socket, store: Store, tls: Files | None) -> None:
    host = options.allow_host[0] if options.allow_host else HERE
    url = f"{'https' if tls else 'http'}://{host}:{sock.getsockname()[1]}"
    settings = Settings(word_delay=options.word_delay, rate_limit=options.rate_limit)
    brain = Brain(Knowledge(options.documents or HANDBOOK), use_context=not options.ignore_context)
    upstream = Upstream(options.upstream) if options.upstream else None
    service = Service(url, store, brain, settings, upstream, Keys(options.token_seconds))
    app, greeting = create_app(service, options.allow_host), _greeting(options, service, tls)
    serve(app, sock, _ready(greeting), options.until_eof, tls)


def _ready(greeting: str) -> Callable[[], None]:
    def ready() -> None:
        with suppress(BrokenPipeError):  # whoever started it has gone; so will it
            print(greeting, flush=True)

    return ready


def _greeting(options: argparse.Namespace, service: Service, tls: Files | None) -> str:
    url, key_of = service.url, service.keys.issue
    trust = {"SSL_CERT_FILE": str(tls.authority)} if tls else {}
    if options.until_eof:
        return json.dumps({"url": url, "authority": trust.get("SSL_CERT_FILE")})
    if options.json:
        return json.dumps({**manifest(url, key_of), "env": trust})
    if options.print_env:
        variables = {**environment(url, key_of), **trust}
        return "\n".join(f"export {name}={quote(v)}" for name, v in variables.items())
    lines = [f"The sandbox answers at {url} (Ctrl-C ends it).", ""]
    lines += [f"  {name:<17} agent {a.agent_id}  key {key_of(name)}" for name, a in AGENTS.items()]
    lines += ["", f"Its certificates are signed by {tls.authority}"] if tls else []
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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 10**9:
        raise argparse.ArgumentTypeError(f"a number of seconds above 0, not {text!r}")
    return seconds


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
    _add_place(parser)
    _add_rest(parser)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Where it listens, and who may ask."""
    add = parser.add_argument
    add("--port", type=_port, default=8700, help="0 takes a free one (default: %(default)s)")
    add("--host", default=HERE, help="address to listen on; 0.0.0.0 for all (default: %(default)s)")
    add(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="name that others reach it by; may be given again, and the first is the one printed",
    )
    add(
        "--tls",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="serve HTTPS; its private authority is kept in the folder, if one is named",
    )
    add("--token-seconds", type=_seconds, help="keys are tokens that expire after so long")


def _add_rest(parser: argparse.ArgumentParser) -> None:
    """What it answers from, how, and what it prints."""
    add = parser.add_argument
    add("--documents", type=Path, help="folder of .md and .txt files to answer from")
    add("--state", help="SQLite file that keeps the conversations")
    add("--print-env", action="store_true", help="print export lines for the agents")
    add("--json", action="store_true", help="print what a client needs as a line of JSON")
    add("--word-delay", type=float, default=0.0, help="seconds between two words of a stream")
    add(
        "--rate-limit",
        type=_rate,
        default="30/minute",
        help="of a service that has a limit, or none",
    )
    add("--upstream", help="OpenAI-compatible server that answers instead, up to its /v1")
    add("--ignore-context", action="store_true", help="answer from the documents alone")
    # The process of a `Sandbox` object: announces itself in JSON, ends with its parent.
    add("--until-eof", action="store_true", help=argparse.SUPPRESS)


if __name__ == "__main__":
    sys.exit(main())
