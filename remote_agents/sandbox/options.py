"""The options of `remote-agents sandbox`."""

from __future__ import annotations

import argparse
import ipaddress
import math
import re
from pathlib import Path
from urllib.parse import urlsplit

from remote_agents.sandbox.settings import parse_rate

HERE = "127.0.0.1"


def check(arguments: list[str]) -> None:
    """Refuse what the command would refuse, in words for whoever starts it from Python.

    Raises:
        ValueError: Names the argument, and says what it may be.
    """
    try:
        parser(exit_on_error=False).parse_args(arguments)
    except argparse.ArgumentError as error:
        name = str(error.argument_name).lstrip("-").replace("-", "_")
        raise ValueError(f"{name}: {error.message}") from None


def parser(*, exit_on_error: bool = True) -> argparse.ArgumentParser:
    """What the command line takes."""
    built = argparse.ArgumentParser(
        exit_on_error=exit_on_error,
        prog="remote-agents sandbox",
        description="A local server that speaks the protocols of all remote agents.",
        epilog="--print-env prints the variables first and then serves: "
        "run it in the background with its output in a file, and source the file.",
    )
    _add_place(built)
    _add_rest(built)
    return built


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Where it listens, and who may ask."""
    add = parser.add_argument
    add("--port", type=_port, default=8700, help="0 takes a free one (default: %(default)s)")
    add(
        "--host",
        type=_host,
        default=HERE,
        help="address to listen on; 0.0.0.0 for all (default: %(default)s)",
    )
    add(
        "--allow-host",
        type=_host,
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
    add("--word-delay", type=_delay, default=0.0, help="seconds between two words of a stream")
    add(
        "--rate-limit",
        type=_rate,
        default="30/minute",
        help="of a service that has a limit, or none",
    )
    add(
        "--upstream",
        type=_address,
        help="OpenAI-compatible server that answers instead, up to its /v1",
    )
    add("--upstream-model", help="its model (default: the first that it lists)")
    add("--ignore-context", action="store_true", help="answer from the documents alone")
    # The process of a `Sandbox` object: announces itself in JSON, ends with its parent.
    add("--until-eof", action="store_true", help=argparse.SUPPRESS)


# --- what they may be ---------------------------------------------------------------------------


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


def _delay(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0 on, not {text!r}")
    return seconds


def _host(text: str) -> str:
    """A name or an address, as clients name it in the Host header."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        name = text.encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        wanted = "a name such as sandbox.example.com or an address, without scheme and port"
        raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}")
    return name


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        shown = re.sub(r"//.*@", "//...@", text)  # without a password
        wanted = "an address that begins with http, up to its /v1"
        raise argparse.ArgumentTypeError(f"{wanted}, not {shown!r}")
    return text


def _rate(text: str) -> str:
    try:
        parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
