"""The plainest calls: one object read, one object made. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Call, Flow, Request
from remote_agents.json_types import JsonMapping
from remote_agents.resources.cursors import with_query
from remote_agents.types import Citation, Citations

T = TypeVar("T")


def known_id(id_: object) -> str:
    """An id that names one thing: an empty one would ask for all of them.

    Raises:
        ConfigurationError: It is empty, or no text.
    """
    if id_ is None or id_ == "":
        raise ConfigurationError("The id is empty.")
    if not isinstance(id_, str):
        raise ConfigurationError(f"{id_!r} is no id: it is a {type(id_).__name__}, not a text.")
    return id_


def path_segment(id_: str) -> str:
    """An id as a part of a path.

    Raises:
        ConfigurationError: It is empty, so that the path would be another one, or no text.
    """
    try:
        return quote(known_id(id_), safe="")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{id_!r} is no id: it holds half a letter.") from error


def get_item(path: str, kind: Callable[[Any], T], **params: object) -> Flow[T]:
    """One object, as an item."""
    answer = yield Call(Request("GET", with_query(path, params), safe=True))
    return kind(unwrapped(answer.data))


def post_item(
    path: str, body: JsonMapping, kind: Callable[[Any], T], *, safe: bool = False
) -> Flow[T]:
    """Make one object; gives it as an item. Fields that are None are left out."""
    known = {name: value for name, value in body.items() if value is not None}
    answer = yield Call(Request("POST", path, json=known, safe=safe))
    return kind(unwrapped(answer.data))


def unwrapped(data: Any) -> Any:
    """One object, which may come in an envelope."""
    wrapped = isinstance(data, dict) and isinstance(data.get("data"), dict)
    return data["data"] if wrapped else data


def passages(data: object, read: Callable[[object], Citation], *names: str) -> list[Citation]:
    """The hits of a search, each once: a bare list, or the one under the first of these names."""
    known = data if isinstance(data, dict) else {}
    listed = (known[name] for name in names if isinstance(known.get(name), list))
    sources = Citations()
    for hit in data if isinstance(data, list) else next(listed, []):
        sources.add(read(hit))
    return sources.found
