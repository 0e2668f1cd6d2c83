"""Whether a 404 is about the path, or about what was asked for under it. Pure."""

from __future__ import annotations

import re
from typing import Any

from remote_agents.errors import NotFoundError


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
    return isinstance(said, str) and (_is_general(said) or _PAGE.search(said[:500]) is not None)


def _is_general(said: Any) -> bool:
    return re.sub(r"[\W\d]+", " ", said).strip().casefold() in ("", "not found", "page not found")


_PAGE = re.compile(r"<html|<!doctype html", re.IGNORECASE)
