"""The server's half of each service: one folder each, found by being there.

A package states its agent, `AGENT`; its module `chat` speaks the protocol, and every module that
has `routes` answers requests. Packages of others name theirs in the entry point
`remote_agents.sandbox`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

from remote_agents.sandbox.directory import AGENTS

GROUP = "remote_agents.sandbox"


@cache
def packages() -> Mapping[str, ModuleType]:
    """The package of each service, by its name."""
    folders = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)
    built_in = {name: import_module(f"{__name__}.{name}") for name in folders}
    return built_in | {point.name: point.load() for point in entry_points(group=GROUP)}


def modules_of(package: ModuleType) -> list[ModuleType]:
    """The modules of a service that answer requests, its protocol first."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    ordered = sorted(names, key=lambda name: (name != "chat", name))
    modules = [import_module(f"{package.__name__}.{name}") for name in ordered]
    return [module for module in modules if hasattr(module, "routes")]


AGENTS.update({name: package.AGENT for name, package in packages().items()})
