"""Whether a refusal is about the path, or about what was asked for under it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from remote_agents.errors import AgentStatusError, NotFoundError
from remote_agents.wire.failures import HTML


def is_elsewhere(error: AgentStatusError, path: str, paths: Iterable[str]) -> bool:
    """Whether a service says that there is nothing at a path, or that it is at another of these.

    Frameworks send on from /agent to /agent/, or back, before they run anything. Whoever has run
    the turn names its result (303), or a page to go on to.

    Args:
        error: The refusal.
        path: Where the request went.
        paths: Where it may go.
    """
    if isinstance(error, NotFoundError):
        return is_about_path(error)
    target = error.location
    if error.begun or not target or error.status_code not in (301, 302, 307, 308):
        return False
    back = bool(path) and target.endswith(path)
    return not back and any(target.endswith(other) for other in paths if other != path)


def is_about_path(error: NotFoundError) -> bool:
    """Whether a service has no such path: then it says so in general words, or shows a page.

    Example:
        >>> is_about_path(NotFoundError(body={"detail": "Not Found"}))
        True
        >>> is_about_path(NotFoundError(body={"detail": "No Chatbot matches the given query."}))
        False
    """
    if error.begun:
        return False  # of an accepted turn, one of the agent's tools found nothing
    said = error.body
    if isinstance(said, dict):
        said = said.get("detail") or said.get("message") or said.get("error") or ""
    if said is None:
        return True
    return isinstance(said, str) and (_is_general(said) or HTML.search(said[:500]) is not None)


def _is_general(said: str) -> bool:
    words = re.sub(r"[\W\d]+", " ", said).strip().casefold()
    return words in _GENERAL or _NO_ROUTE.match(said) is not None


_GENERAL = frozenset({"", "not found", "page not found", "route not found", "no route matched"})
_NO_ROUTE = re.compile(
    r"(cannot (get|post|put|patch|delete) /|no route matched with)", re.IGNORECASE
)
