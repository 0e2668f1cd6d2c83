"""What the services list, read leniently.

An item holds the JSON object as it came and reads a field when it is asked for: a missing field or
one of another type is None (or an empty text, an empty list), never a failure, and fields that this
library has no word for are kept. Wire names may be camelCase or snake_case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, overload

from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.dates import moment
from remote_agents.types.messages import Attachment as Sent, AttachmentKind
from remote_agents.wire.json import identifier, number

T = TypeVar("T")
ItemT = TypeVar("ItemT", bound="Item")


class Field(Generic[T]):
    """One field of an item: its wire names and how its value is read.

    Args:
        read: Reads a JSON value, None included.
        *names: Wire names beside the attribute's own; of several, the first that is there.
    """

    def __init__(self, read: Callable[[Any], T], *names: str) -> None:
        self.read = read
        self.names = names

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        own = (name, *self.names)
        self.names = tuple(dict.fromkeys(form for each in own for form in (camel(each), each)))

    @overload
    def __get__(self, item: None, owner: type) -> Field[T]: ...
    @overload
    def __get__(self, item: Item, owner: type) -> T: ...
    def __get__(self, item: Item | None, owner: type) -> Field[T] | T:
        if item is None:
            return self
        raw = item.raw
        for name in self.names:
            if raw.get(name) is not None:
                return self.read(raw[name])
        return self.read(None)


class Item:
    """A JSON object of a service, with its fields as attributes.

    Args:
        raw: The object as it came; anything else counts as an empty one.

    Example:
        >>> class Thing(Item):
        ...     id = text_field()
        ...     created_at = time_field()
        >>> thing = Thing({"id": 7, "createdAt": "1728181396000", "colour": "red"})
        >>> thing.id, thing.created_at.year, thing.colour
        ('7', 2024, 'red')
    """

    __slots__ = ("raw",)
    raw: JsonObject

    def __init__(self, raw: object) -> None:
        self.raw = raw if isinstance(raw, dict) else {}

    def __getattr__(self, name: str) -> Any:
        """A field that has no word here, by its name in snake_case."""
        if name.startswith("__") or name == "raw":
            raise AttributeError(name)
        for form in (name, camel(name)):
            if form in self.raw:
                return self.raw[form]
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and type(other) is type(self) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash((type(self), item_key(self.raw)))

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.fields())
        short = ", ".join(f"{n}={_short(v)}" for n, v in shown if v not in (None, "", []))
        return f"{type(self).__name__}({short})"

    @classmethod
    def fields(cls) -> Iterator[str]:
        """The names of the fields that this kind of item has words for."""
        for kind in reversed(cls.__mro__):
            yield from (name for name, value in vars(kind).items() if isinstance(value, Field))

    def to_dict(self) -> JsonObject:
        """All fields in snake_case as JSON values, times in ISO 8601; unknown ones at the end."""
        known = {name: _json_value(getattr(self, name)) for name in self.fields()}
        used = {form for name in known for form in getattr(type(self), name).names}
        rest = {snake(name): value for name, value in self.raw.items() if name not in used}
        return {**known, **rest}


def item_key(raw: JsonMapping) -> str:
    """Something that tells items apart: the id, else all of it."""
    return identifier(raw.get("id")) or repr(sorted(raw.items(), key=lambda pair: pair[0]))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _json_value(value: object) -> Any:
    if isinstance(value, Item):
        return value.to_dict()
    if isinstance(value, datetime):
        return value.isoformat()
    return [_json_value(each) for each in value] if isinstance(value, list) else value


# --- kinds of fields -----------------------------------------------------------------------------


def text_field(*names: str) -> Field[str]:
    """A text; a number becomes text, an object its id, anything else an empty text."""

    def read(value: object) -> str:
        return identifier(value.get("id") if isinstance(value, dict) else value) or ""

    return Field(read, *names)


def number_field(*names: str) -> Field[float | None]:
    """A number, also from a numeric text."""

    def read(value: object) -> float | None:
        found = number(value)
        return int(found) if found is not None and found == int(found) else found

    return Field(read, *names)


def flag_field(*names: str) -> Field[bool | None]:
    """True, False or unknown."""
    return Field(lambda value: value if isinstance(value, bool) else None, *names)


def time_field(*names: str) -> Field[datetime | None]:
    """A moment, with its time zone; see `moment`."""
    return Field(moment, *names)


def object_field(*names: str) -> Field[JsonObject]:
    """An object as it came."""
    return Field(lambda value: value if isinstance(value, dict) else {}, *names)


def texts_field(*names: str) -> Field[list[str]]:
    """A list of texts."""
    return Field(lambda value: [v for v in _list(value) if isinstance(v, str)], *names)


def item_field(kind: Callable[[Any], ItemT], *names: str) -> Field[ItemT | None]:
    """An item inside; a bare id counts as one that has only that."""

    def read(value: object) -> ItemT | None:
        if isinstance(value, dict):
            return kind(value)
        id_ = identifier(value)
        return kind({"id": id_}) if id_ else None

    return Field(read, *names)


def items_field(kind: Callable[[Any], ItemT], *names: str) -> Field[list[ItemT]]:
    """A list of items."""
    return Field(lambda value: [kind(v) for v in _list(value) if isinstance(v, dict)], *names)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`createdAt` as `created_at`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """`created_at` as `createdAt`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# --- the items -----------------------------------------------------------------------------------


class Conversation(Item):
    """A conversation that a service keeps."""

    id = text_field("conversation_id")
    title = text_field("name")
    created_at = time_field("create_time", "created", "last_message_created_at")
    updated_at = time_field("update_time", "updated", "last_message_created_at")


class Attachment(Item):
    """A file that the service holds; its `raw` goes into a message's attachments."""

    id = text_field()
    type = text_field()
    filename = text_field()
    file = text_field()

    def as_attachment(self) -> Sent:
        """The same file, to go with a question; it is not uploaded again."""
        kind: AttachmentKind = "file"
        if self.type in ("image", "audio"):
            kind = cast("AttachmentKind", self.type)
        return Sent(kind, file_id=self.id, url=self.file, filename=self.filename)


class CitedDocument(Item):
    """A document that an answer cites."""

    id = text_field()
    filename = text_field()
    file = text_field()
    file_type = text_field()
    size = number_field()
    status = text_field()
    created_at = time_field()


class CitedPassage(Item):
    """A passage that an answer cites."""

    chatbot_text_node = object_field()
    score = number_field()
    display_score = text_field()


_ROLES = {
    **dict.fromkeys(("incoming", "human", "customer", "contact", "visitor"), "user"),
    **dict.fromkeys(("outgoing", "ai", "agent", "bot", "chatbot", "model"), "assistant"),
    "developer": "system",
    "function": "tool",
}


def _role(value: object) -> str:
    name = identifier(value) or ""
    return _ROLES.get(name.lower(), name.lower())


class Message(Item):
    """A message of a conversation.

    Attributes:
        role: `user`, `assistant`, `system` or `tool`, whatever the service calls them; another
            word stands in small letters.
    """

    id = text_field("record_id", "message_id")
    conversation_id = text_field("conversation")
    role = Field(_role, "type")
    content = text_field("message", "text")
    created_at = time_field("create_time", "timestamp", "created")
    reply_to = text_field()
    status = text_field()
    feedback = text_field()
    attachments = items_field(Attachment)
    citations = items_field(CitedDocument)
    citation_nodes = items_field(CitedPassage)


class Record(Item):
    """A question and its answer, with scores."""

    id = text_field()
    conversation_id = text_field("conversation")
    input_message = text_field()
    condense_message = text_field()
    output_message = text_field()
    context = text_field()
    faithfulness_score = number_field()
    answer_relevancy_score = number_field()
    context_precision_score = number_field()
    answer_correctness_score = number_field()
    answer_similarity_score = number_field()
    context_recall_score = number_field()
    reply_time = number_field()
    created_at = time_field()
    error = text_field()


class AgentInfo(Item):
    """An agent of a service."""

    id = text_field("bot_id", "agent_id")
    name = text_field()
    model = text_field("llm", "large_language_model")
    description = text_field("introduction", "personality")
    instructions = text_field("agent_setting")
    created_at = time_field("create_time")
    updated_at = time_field("update_time")


class Model(Item):
    """A model that a service offers."""

    id = text_field()
    owned_by = text_field()
    created_at = time_field("created")
