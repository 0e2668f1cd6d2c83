"""Where in the caller's own code an error was raised, for what tells it without a traceback."""

from __future__ import annotations

import re
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from types import CodeType

# What stands between this library and the hooks of an HTTP client.
_CLIENTS = frozenset({"aiohttp", "anyio", "httpcore", "httpx"})
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]([^/\\]+)")


def raised_in(error: BaseException) -> str:
    """Where a function of the caller's failed: the innermost place in the code that it is of.

    That is the application, or the installed package, whose function was called, and no library
    that it uses.

    Args:
        error: What was raised.

    Returns:
        For example `, in lookup at keys.py:12`, to stand behind what the error says; empty where
        nothing of the caller's was running.

    Example:
        >>> raised_in(KeyError("tenant"))
        ''
    """
    frames = [(each.f_code, line) for each, line in traceback.walk_tb(error.__traceback__)]
    own = [(code, line) for code, line in frames if _is_callers(code)]
    same = [(code, line) for code, line in own if _package(code) == _package(own[0][0])]
    if not same:
        return ""
    code, line = same[-1]
    return f", in {code.co_name} at {Path(code.co_filename).name}:{line}"


def _is_callers(code: CodeType) -> bool:
    if code.co_filename.startswith(str(Path(__file__).parent)):
        return False
    package = _package(code)
    return package not in _CLIENTS if package else not code.co_filename.startswith(_python())


def _package(code: CodeType) -> str:
    """The installed package that it is of; empty for an application, and for Python itself."""
    found = _INSTALLED.search(code.co_filename)
    return found[1] if found else ""


@cache
def _python() -> tuple[str, ...]:
    return ("<frozen", sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
