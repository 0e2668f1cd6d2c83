"""An agent's state, as its deltas change it: JSON Patch (RFC 6902). Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from remote_agents.json_types import JsonObject


def patched(state: object, operations: Iterable[Any]) -> Any:
    """The state after some operations; one that does not fit it changes nothing.

    Args:
        state: The state so far, which stays as it is.
        operations: `add`, `replace`, `remove`, `move`, `copy` and `test`.

    Example:
        >>> patched({"count": 1}, [{"op": "replace", "path": "/count", "value": 2}])
        {'count': 2}
    """
    changed = {"": copy.deepcopy({} if state is None else state)}
    for operation in operations:
        try:
            _apply(changed, operation)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            continue
    return changed[""]


def _apply(root: JsonObject, operation: Any) -> None:
    kind, path = operation["op"], _steps(operation["path"])
    if kind in ("add", "replace"):
        _put(root, path, operation["value"], over=kind == "replace")
    elif kind == "remove":
        _take(root, path)
    elif kind == "move":
        _put(root, path, _take(root, _steps(operation["from"])), over=False)
    elif kind == "copy":
        found = _holder(root, _steps(operation["from"]))
        _put(root, path, copy.deepcopy(found[0][found[1]]), over=False)


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]


def _holder(root: Any, path: list[str]) -> tuple[Any, Any]:
    """What holds the value at a path, and under which key or index."""
    holder = root
    for step in path[:-1]:
        holder = holder[int(step) if isinstance(holder, list) else step]
    last: Any = path[-1]
    if isinstance(holder, list):
        last = len(holder) if last == "-" else int(last)
    return holder, last


def _put(root: object, path: list[str], value: object, *, over: bool) -> None:
    holder, last = _holder(root, path)
    if isinstance(holder, list) and not over:
        holder.insert(last, value)
    else:
        holder[last] = value


def _take(root: object, path: list[str]) -> Any:
    holder, last = _holder(root, path)
    return holder.pop(last)
