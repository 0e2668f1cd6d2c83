"""Packages whose names are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """What a package's `__init__` needs: its `__all__`, `__getattr__` and `__dir__`.

    Args:
        package: Its name.
        homes: For each module, the names that it gives to the package.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    names = sorted(home_of)

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return names, find, lambda: list(names)


class LazyModule:
    """A module that is imported when something of it is first used.

    Type checkers are shown the module itself, imported under `TYPE_CHECKING`.

    Args:
        name: Its name.
    """

    __slots__ = ("__dict__", "_name")

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module(self._name)
        self.__dict__ = module.__dict__  # from now on all of it is found here
        return getattr(module, name)
