"""What a message in OpenAI's shape says in the parts of its content, and beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from remote_agents.json_types import JsonMapping
from remote_agents.types import Citation, Event, ReasoningDelta, TextDelta, Unknown
from remote_agents.wire.json import identifier, items, mapping, rest_of, text
from remote_agents.wire.parts import files_in


def parts_of(content: object) -> list[Event]:
    """The events of a content that is a text, or a list of parts; files and thoughts go first."""
    if isinstance(content, str):
        return [TextDelta(content)]
    texts: list[Event] = []
    others: list[Event] = []
    for part in items(content):
        known = _flat(part)
        if said := text(known.get("text")) or text(known.get("refusal")):
            texts.append(TextDelta(said))
            texts.extend(_citations(known))
        elif thought := _thought(known.get("thinking")):
            others.append(ReasoningDelta(thought))
        elif known.get("text", part) not in ("", None):  # else a piece without a text
            others.extend(files_in(part) or [Unknown(part)])
    return [*others, *texts]


def _flat(part: object) -> JsonMapping:
    """A part; one that is a text alone, or holds it as OpenAI's assistants do, as all others."""
    if isinstance(part, str):
        return {"text": part}
    known = mapping(part)
    inner = mapping(known.get("text"))
    return {**known, **inner, "text": inner["value"]} if "value" in inner else known


def _thought(thinking: object) -> str:
    """A thought, which is a text or, of Mistral's models, a list of texts."""
    if isinstance(thinking, str):
        return thinking
    return "".join(text(mapping(part).get("text")) for part in items(thinking))


def reasoning_beside(message: JsonMapping, so_far: str) -> Iterator[Event]:
    """What the agent thought, under whichever key it is told; of several keys the first.

    Args:
        message: A message, or a piece of one.
        so_far: What is known of it, where the message may repeat all.
    """
    told = message.get("reasoning_content") or message.get("reasoning")
    if not (told and isinstance(told, str)):
        details = map(mapping, items(message.get("reasoning_details")))
        told = "".join(text(each.get("text")) or text(each.get("summary")) for each in details)
    if told := rest_of(told, so_far):
        yield ReasoningDelta(told)


def said_beside(message: JsonMapping) -> Iterator[Event]:
    """What a message says beside its content: that it refuses, pictures, sources."""
    if refusal := text(message.get("refusal")):
        yield TextDelta(refusal)
    yield from files_in(message.get("images"))
    yield from _citations(message)


def _citations(told: JsonMapping) -> Iterator[Citation]:
    """The sources that a search named, each under its type or in the annotation itself."""
    for note in map(mapping, items(told.get("annotations"))):
        about = mapping(note.get(text(note.get("type")))) or note
        title = text(about.get("title")) or text(about.get("filename")) or None
        url, passage = text(about.get("url")) or None, text(about.get("content")) or None
        file_id = identifier(about.get("file_id"))
        if title or url or file_id:
            yield Citation(title, url, passage, file_id)
