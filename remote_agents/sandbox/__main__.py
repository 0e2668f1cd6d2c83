"""``python -m remote_agents.sandbox``: the sandbox in the foreground."""

from __future__ import annotations

import argparse
import errno
import json
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from remote_agents.extras import needs
from remote_agents.sandbox.app.app import create_app
from remote_agents.sandbox.directory import AGENTS, BROKEN, environment, manifest
from remote_agents.sandbox.mind.answers import Brain
from remote_agents.sandbox.mind.knowledge import HANDBOOK, Knowledge
from remote_agents.sandbox.options import HERE, parser
from remote_agents.sandbox.service import Service
from remote_agents.sandbox.serving.keys import Keys
from remote_agents.sandbox.serving.server import listen, serve
from remote_agents.sandbox.serving.state import Store
from remote_agents.sandbox.settings import Settings
from remote_agents.sandbox.upstream import Upstream

if TYPE_CHECKING:  # what it needs is installed only for `--tls`
    from remote_agents.sandbox.serving.certificates import Files

EVERYWHERE = {"0.0.0.0": HERE, "::": "::1"}  # and where such a sandbox is reached from here


class _NoStartError(Exception):
    """What keeps the server from starting, in words for whoever started it."""


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit code.

    Args:
        argv: the arguments after the program's name; those of the process by default.
    """
    options = parser().parse_args(argv)
    try:
        upstream = _upstream(options)
        with (
            _listening(options) as sock,
            _folder(options) as folder,
            closing(_store(options, folder)) as store,
        ):
            tls = _certified(options, folder)
            _run(options, sock, store, upstream, tls)
    except _NoStartError as problem:
        return _give_up(options, str(problem))
    return 0


def _upstream(options: argparse.Namespace) -> Upstream | None:
    if options.upstream is None:
        if options.upstream_model is not None:
            raise _NoStartError("--upstream-model is of the server that --upstream names.")
        return None
    try:
        return Upstream(options.upstream, options.upstream_model)
    except ValueError as error:
        raise _NoStartError(f"--upstream cannot be asked: {error}.") from error


def _listening(options: argparse.Namespace) -> socket.socket:
    if options.documents is not None and not options.documents.is_dir():
        raise _NoStartError(f"The folder of documents does not exist: {options.documents}")
    if options.tls is not None and find_spec("cryptography") is None:
        raise _NoStartError(needs("--tls", "sandbox", "cryptography"))
    try:
        return listen(options.port, options.host)
    except OSError as error:
        raise _NoStartError(_not_listening(options, error)) from error


def _not_listening(options: argparse.Namespace, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {options.host} is no address of this machine ({error.strerror})."
    place = options.port if options.host == HERE else f"{options.port} of {options.host}"
    return f"Port {place} is not available ({error.strerror}): choose another."


@contextmanager
def _folder(options: argparse.Namespace) -> Iterator[str]:
    """Where that is kept for which no place is named: conversations, certificates."""
    if options.state and options.tls != "":
        yield ""
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="sandbox-")
    except OSError as error:
        problem = f"There is no place for temporary files ({error.strerror}): "
        raise _NoStartError(f"{problem}name one with --state FILE and --tls FOLDER.") from error
    with folder as name:
        yield name


def _store(options: argparse.Namespace, folder: str) -> Store:
    try:
        return Store(options.state or str(Path(folder) / "state.sqlite"))
    except sqlite3.Error as error:
        problem = f"{options.state} cannot hold the conversations: {error}."
        raise _NoStartError(problem) from error


def _certified(options: argparse.Namespace, folder: str) -> Files | None:
    if options.tls is None:
        return None
    from remote_agents.sandbox.serving.certificates import certify

    place = Path(options.tls or folder).resolve()
    try:
        return certify(place, dict.fromkeys(("localhost", HERE, "::1", *_names(options))))
    except (OSError, TypeError, ValueError) as error:  # the last two are of PEM files
        problem = f"The folder {place} cannot hold the certificates: {error}"
        raise _NoStartError(problem) from error


def _names(options: argparse.Namespace) -> list[str]:
    """What others reach it by; the first is the one that is printed."""
    own = EVERYWHERE.get(options.host, options.host)
    return [*options.allow_host, own]


def _run(
    options: argparse.Namespace,
    sock: socket.socket,
    store: Store,
    upstream: Upstream | None,
    tls: Files | None,
) -> None:
    for name, why in BROKEN.items():
        print(f"The sandbox is without {name!r}: {why}", file=sys.stderr)
    names = _names(options)
    host = f"[{names[0]}]" if ":" in names[0] else names[0]
    url = f"{'https' if tls else 'http'}://{host}:{sock.getsockname()[1]}"
    settings = Settings(word_delay=options.word_delay, rate_limit=options.rate_limit)
    service = Service(url, store, _brain(options), settings, upstream, Keys(options.token_seconds))
    app, greeting = create_app(service, names), _greeting(options, service, tls)
    serve(app, sock, _ready(greeting), options.until_eof, tls)


def _brain(options: argparse.Namespace) -> Brain:
    knowledge = Knowledge(options.documents or HANDBOOK)
    if not knowledge.documents:
        empty = f"There is no .md or .txt file in {options.documents}"
        print(f"{empty}: answers come from prompts alone.", file=sys.stderr)
    return Brain(knowledge, use_context=not options.ignore_context)


def _ready(greeting: str) -> Callable[[], None]:
    def ready() -> None:
        with suppress(BrokenPipeError):  # whoever started it has gone; so will it
            print(greeting, flush=True)

    return ready


def _greeting(options: argparse.Namespace, service: Service, tls: Files | None) -> str:
    url, key_of = service.url, service.keys.issue
    trust = {"SSL_CERT_FILE": str(tls.authority)} if tls else {}
    if options.until_eof:
        return json.dumps({"url": url, "authority": trust.get("SSL_CERT_FILE"), "broken": BROKEN})
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


if __name__ == "__main__":
    sys.exit(main())
