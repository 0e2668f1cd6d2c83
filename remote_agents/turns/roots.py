"""Services whose paths stand below one of several roots: the one that works is found and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from remote_agents.errors import NotFoundError
from remote_agents.flow import Flow, Request
from remote_agents.turns.clock import Exchange
from remote_agents.turns.sending import Then, send
from remote_agents.turns.terms import Terms
from remote_agents.wire.missing import is_about_path


def rooted(request: Request, exchange: Exchange, then: Then | None = None) -> Flow[Any]:
    """Send a request below the service's root; arguments and errors as for `send`.

    A 404 for the path, before which nothing can have run, is followed by the same request below
    the other root. The root that was right is that of all later calls of the agent.
    """
    rest = None if request.foreign else _below(request.path, exchange.terms.endpoint.roots)
    if rest is None:
        return (yield from send(request, exchange, then))
    missed: NotFoundError | None = None
    for root in _candidates(exchange.terms):
        try:
            answer = yield from send(replace(request, path=root + rest), exchange, then)
        except NotFoundError as error:
            if not is_about_path(error):
                exchange.terms.root = root
                raise
            missed = missed or error
            continue
        exchange.terms.root = root
        return answer
    assert missed is not None
    raise missed


def _below(path: str, roots: tuple[str, ...]) -> str | None:
    """The path below its root, whichever that is; None if it is below none."""
    for root in sorted(roots, key=len, reverse=True):
        if path.startswith(f"{root}/"):
            return path[len(root) :]
    return None


def _candidates(terms: Terms) -> Iterator[str]:
    """The roots to try: the one that was set or found, else all of them, the documented first."""
    endpoint = terms.endpoint
    if endpoint.root is not None:
        yield endpoint.root
        return
    yield from sorted(endpoint.roots, key=lambda root: root != terms.root)
