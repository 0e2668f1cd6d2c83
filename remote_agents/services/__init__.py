"""The services: one folder each, found by being there; others by their package's entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from remote_agents.service import Endpoint, registered

GROUP = "remote_agents.services"


@cache
def _folders() -> tuple[str, ...]:
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


@cache
def _plugins() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


class Services(Mapping[str, Endpoint]):
    """Every service by its name; one is imported when it is asked for.

    Those of this package, those that installed packages name in the entry point
    `remote_agents.services`, and those for which a class was defined in this process.
    """

    def __getitem__(self, name: str) -> Endpoint:
        if (known := registered().get(name)) is not None:
            return known
        if name in _folders():
            endpoint = import_module(f"{__name__}.{name}").ENDPOINT
        elif name in _plugins():
            endpoint = _plugins()[name].load()
        else:
            raise KeyError(name)
        assert isinstance(endpoint, Endpoint)
        return endpoint

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*_folders(), *_plugins(), *registered())))

    def __len__(self) -> int:
        return len(list(iter(self)))


ENDPOINTS = Services()
BUILT_IN = _folders()
