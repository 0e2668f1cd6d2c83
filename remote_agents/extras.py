"""What is not installed, asked for with the line to type at the moment it is missing."""

from __future__ import annotations

from importlib.util import find_spec

from remote_agents.errors import ConfigurationError

SANDBOX = ("starlette", "uvicorn", "bm25s", "multipart", "openpyxl")
"""The modules that the extra `sandbox` brings."""


class MissingExtraError(ConfigurationError, ImportError):
    """A module of an extra is not installed; the message has the line that installs it."""


def require(who: str, extra: str, *modules: str) -> None:
    """Look for the modules of an extra, without importing them.

    Args:
        who: What needs them, as its user calls it.
        extra: The extra, or several with commas between.
        *modules: Their names.

    Raises:
        MissingExtraError: One of them is not installed.

    Example:
        >>> require("This example", "sandbox", "json")
    """
    if missing := [module for module in modules if not _is_installed(module)]:
        raise MissingExtraError(needs(who, extra, ", ".join(missing)))


def needs(who: str, extra: str, modules: str) -> str:
    """What is missing, and the line to type; its quotes are those that every shell takes."""
    return f'{who} needs {modules}: pip install "remote-agents[{extra}]"'


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # its parent package is missing, or it is blocked
        return False
