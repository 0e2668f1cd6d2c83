"""Warnings at the line of whoever called this library."""

from __future__ import annotations

import inspect
import warnings
from types import FrameType
from typing import Any

# What stands between a line of the caller's and ours.
_BETWEEN = frozenset(
    {"remote_agents", "langchain_agents", "llamaindex_agents"}
    | {"pydantic", "langchain_core", "langchain", "langgraph"}
    | {"llama_index", "llama_index_instrumentation", "workflows", "wrapt"}
    | {"asyncio", "concurrent", "contextlib", "functools", "threading"}
)


def warn(message: str) -> None:
    """Warn of an argument: once for each line that gives it, unless a filter says otherwise."""
    frame = _caller()
    _warn(frame, message, UserWarning, frame.f_globals.setdefault("__warningregistry__", {}))


def warn_of_turn(message: str, category: type[Warning]) -> None:
    """Warn of what happened in a turn: each time, and no module keeps what was warned of."""
    _warn(_caller(), message, category, None)


def _warn(frame: FrameType, message: str, category: type[Warning], registry: Any) -> None:
    code, module = frame.f_code, _module(frame)
    warnings.warn_explicit(message, category, code.co_filename, frame.f_lineno, module, registry)


def _caller() -> FrameType:
    frame = inspect.currentframe()
    assert frame is not None  # as CPython has it
    while frame.f_back is not None and _module(frame).partition(".")[0] in _BETWEEN:
        frame = frame.f_back
    return frame


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))
