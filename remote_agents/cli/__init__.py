"""The command `remote-agents`.

Exit codes: 0 it worked; 1 the service said no, an answer broke off, or the output cannot be
written; 2 the command or the configuration is wrong; 3 the service was not reached in time; 130
interrupted; 141 the reader of the output left.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Sequence

from remote_agents.cli.output import watched_output
from remote_agents.extras import SANDBOX, MissingExtraError, require
from remote_agents.version import VERSION

CLI_NEEDS = ("typer", "rich")
DEMO_NEEDS = ("rich", "langchain_core", "llama_index.core")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ✓ is no reason to fail
    command = arguments[0] if arguments else ""
    try:
        with watched_output():
            return _RUN.get(command, _run)(arguments)
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:  # the last of the output
        return int(end.code or 0)


def _run(arguments: list[str]) -> int:
    if not _installed("cli", CLI_NEEDS):
        return 2
    from remote_agents.cli.app import app

    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            app(arguments, prog_name="remote-agents")
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def _sandbox(arguments: list[str]) -> int:
    if not _installed("sandbox", SANDBOX):
        return 2
    from remote_agents.sandbox.__main__ import main as serve

    try:
        return serve(arguments[1:])
    except SystemExit as end:
        return int(end.code or 0)


def _demo(arguments: list[str]) -> int:
    if not _installed("langchain,llamaindex,sandbox,cli", (*SANDBOX, *DEMO_NEEDS)):
        return 2
    # Of its own process: the demo uses both frameworks, which nothing in this package imports.
    return subprocess.call([sys.executable, "-m", "remote_agents_demo", *arguments[1:]])


def _conform(arguments: list[str]) -> int:
    """The service comes first as everywhere, or is named by `--service`."""
    return _run([each.removeprefix("--service=") for each in arguments if each != "--service"])


def _version(_: list[str]) -> int:
    print(f"remote-agents {VERSION}")
    return 0


_RUN = {"sandbox": _sandbox, "demo": _demo, "conform": _conform, "--version": _version}


def _installed(extras: str, modules: Sequence[str]) -> bool:
    try:
        require("This command", extras, *modules)
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return False
    return True


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"Note: {message}", file=sys.stderr)
