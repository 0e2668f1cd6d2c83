"""An agent's state, as its deltas change it: JSON Patch (RFC 6902). Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from remote_agents.json_types import JsonObject


def patched(state: object, operations: Iterable[Any]) -> Any:
    """The state after some operations; one that does not fit it changes nothing.

    Args:
        state: The state so far, which stays as it is. What no operation touches is in both.
        operations: `add`, `replace`, `remove`, `move`, `copy` and `test`.

    Example:
        >>> patched({"count": 1}, [{"op": "replace", "path": "/count", "value": 2}])
        {'count': 2}
    """
    patch = _Patch({} if state is None else state)
    for operation in operations:
        try:
            patch.apply(operation)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            continue
    return patch.root.get("")


class _Patch:
    """A state that is changed: what holds the place of a change is copied before, once."""

    def __init__(self, state: object) -> None:
        self.root: JsonObject = {"": state}
        self._own: dict[int, Any] = {}

    def apply(self, operation: Any) -> None:
        kind, path = operation["op"], _steps(operation["path"])
        if kind in ("add", "replace"):
            self._put(path, operation["value"], over=kind == "replace")
        elif kind == "remove":
            self._take(path)
        elif kind == "move":
            self._move(_steps(operation["from"]), path)
        elif kind == "copy":
            holder, last = self._holder(_steps(operation["from"]))
            self._own.clear()  # it is in two places now
            self._put(path, holder[last], over=False)

    def _holder(self, path: list[str]) -> tuple[Any, Any]:
        """What holds the value at a path, and under which key or index."""
        holder: Any = self.root
        for step in path[:-1]:
            at = int(step) if isinstance(holder, list) else step
            held = holder[at]
            if id(held) not in self._own:
                held = holder[at] = copy.copy(held)
                self._own[id(held)] = held
            holder = held
        last: Any = path[-1]
        if isinstance(holder, list):
            last = len(holder) if last == "-" else int(last)
        return holder, last

    def _put(self, path: list[str], value: object, *, over: bool) -> None:
        holder, last = self._holder(path)
        if isinstance(holder, list) and not over:
            holder.insert(last, value)
        else:
            holder[last] = value

    def _move(self, source: list[str], path: list[str]) -> None:
        value = self._take(source)
        try:
            self._put(path, value, over=False)
        except Exception:
            self._put(source, value, over=False)
            raise

    def _take(self, path: list[str]) -> Any:
        holder, last = self._holder(path)
        return holder.pop(last)


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
