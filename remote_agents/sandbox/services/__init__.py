"""The server's half of each service: one folder each, found by being there.

A package states its agent, `AGENT`; its module `chat` speaks the protocol, and every module that
has `routes` answers requests. Packages of others name theirs in the entry point
`remote_agents.sandbox`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TypeVar

from remote_agents.sandbox.agent import Agent
from remote_agents.sandbox.directory import AGENTS, BROKEN

T = TypeVar("T")
GROUP = "remote_agents.sandbox"


@cache
def packages() -> Mapping[str, ModuleType]:
    """The package of each service, by its name."""
    folders = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)
    built_in = {name: import_module(f"{__name__}.{name}") for name in folders}
    others = (point for point in entry_points(group=GROUP) if point.name not in built_in)
    return built_in | whole({point.name: partial(_loaded, point) for point in others})


def whole(loads: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """What is loaded of each service; one that breaks is left out, and its fault is kept."""
    loaded = {}
    for name, load in loads.items():
        try:
            loaded[name] = load()
        except Exception as error:
            AGENTS.pop(name, None)
            BROKEN[name] = f"its package fails with {type(error).__name__}: {error}"
    return loaded


def _loaded(point: EntryPoint) -> ModuleType:
    package: ModuleType = point.load()
    if not isinstance(getattr(package, "AGENT", None), Agent):
        raise TypeError(f"{point.value} has no Agent as its AGENT")
    return package


def modules_of(package: ModuleType) -> list[ModuleType]:
    """The modules of a service that answer requests, its protocol first."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    ordered = sorted(names, key=lambda name: (name != "chat", name))
    modules = [import_module(f"{package.__name__}.{name}") for name in ordered]
    answering = [module for module in modules if hasattr(module, "routes")]
    if not answering:
        raise TypeError(f"{package.__name__} has no module with routes")
    return answering


AGENTS.update({name: package.AGENT for name, package in packages().items()})
