"""Whether a retriever uses the search of a service, or asks its agent and takes what it cites."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonMapping
from remote_agents.service import Endpoint

logger = logging.getLogger(__name__)


def read_most(name: str, value: object) -> int:
    """The most passages that are wanted.

    Args:
        name: The argument.
        value: What it was given.

    Raises:
        ConfigurationError: It is no whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be at least 1, a whole number, not {value!r}.")
    return value


def best_of(citations: Sequence[JsonMapping], most: int) -> list[JsonMapping]:
    """Passages before those of which only the name is known; of each the best scored first."""
    ordered = sorted(citations, key=lambda one: (not one.get("text"), -(one.get("score") or 0.0)))
    return ordered[:most]


def has_search(endpoint: Endpoint, knowledge_base: str | None) -> bool:
    """Whether the service's own search answers, which asks no model; else its agent is asked.

    Args:
        endpoint: The facts of the service.
        knowledge_base: The knowledge base that the caller named, if any.

    Raises:
        ConfigurationError: There is nothing to retrieve from: the service has neither a search of
            its own nor answers that name their sources, or no knowledge bases to name; or the
            name is empty.

    Example:
        >>> from remote_agents.services import ENDPOINTS
        >>> has_search(ENDPOINTS["maiagent"], "kb-1"), has_search(ENDPOINTS["maiagent"], None)
        (True, False)
    """
    if knowledge_base is not None and not knowledge_base.strip():
        raise ConfigurationError(
            "knowledge_base is empty: give the id of one, or leave it out to ask the agent.",
            endpoint=endpoint.name,
        )
    if knowledge_base and endpoint.searches != "knowledge_base":
        raise ConfigurationError(
            f"{endpoint.title} has no knowledge bases that can be searched by themselves; leave "
            "knowledge_base out.",
            endpoint=endpoint.name,
        )
    if knowledge_base or endpoint.searches == "memories":
        return True
    if not endpoint.cites:
        raise ConfigurationError(
            f"{endpoint.title} does not say where its answers are from and has no search of its "
            "own, so there is nothing to retrieve; use an agent of a service that names its "
            "sources.",
            endpoint=endpoint.name,
        )
    logger.info("Each query of this retriever is a turn of the %s agent.", endpoint.title)
    return False
