"""The services: one folder each, found by being there; others by their package's entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from remote_agents.errors import ConfigurationError
from remote_agents.service import Endpoint, registered

GROUP = "remote_agents.services"


@cache
def _folders() -> tuple[str, ...]:
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


@cache
def _plugins() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> Endpoint:
    """The facts that a package states of its service.

    Raises:
        ConfigurationError: It cannot be imported, or states something else.
    """
    about = f"The service {point.name!r}, which an installed package has in {point.value}"
    try:
        endpoint = point.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"{about}, cannot be loaded ({why}).") from error
    if not isinstance(endpoint, Endpoint):
        raise ConfigurationError(f"{about}, is no Endpoint, but {type(endpoint).__name__}.")
    if endpoint.name != point.name:
        raise ConfigurationError(
            f"{about}, calls itself {endpoint.name!r}: its entry point has to have that name."
        )
    return endpoint


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
            endpoint = _loaded(_plugins()[name])
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
