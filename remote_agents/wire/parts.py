"""The files among the parts of a content, as AG-UI and OpenAI write them. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from remote_agents.json_types import JsonMapping
from remote_agents.types import AttachmentKind, File, kind_named
from remote_agents.wire.json import identifier, items, mapping, text

KINDS: dict[str, AttachmentKind] = {
    "binary": "file",
    "document": "file",
    "file": "file",
    "image": "image",
    "image_url": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
}


def files_in(content: object) -> list[File]:
    """The files of a content; a content that is a text has none.

    Example:
        >>> files_in([{"type": "image_url", "image_url": {"url": "https://host/a.png"}}])[0].kind
        'image'
    """
    return list(_files(content)) if isinstance(content, (list, dict)) else []


def _files(content: object) -> Iterator[File]:
    for part in map(mapping, items(content)):
        kind = KINDS.get(text(part.get("type")))
        if kind is not None and (file := _file(kind, part)) is not None:
            yield file


def _file(kind: AttachmentKind, part: JsonMapping) -> File | None:
    inner = part.get(text(part.get("type")), part.get("source"))
    about = {**part, **({"url": inner} if isinstance(inner, str) else mapping(inner))}
    link, content, inline = _source(about, mapping(inner).get("type"))
    mime = _first(about, "mimeType", "mime_type") or inline
    data = _decoded(content)
    known = (link or None, identifier(about.get("id")) or identifier(about.get("file_id")))
    if not any(known) and data is None:
        return None
    return File(_kind(kind, mime), *known, _first(about, "filename"), mime, data)


def _source(about: JsonMapping, kind: object) -> tuple[str, str, str | None]:
    """Where a file is, else its content as base64; and what a data URL says that it is."""
    link, content = _first(about, "url") or "", _first(about, "data", "file_data") or ""
    if value := text(about.get("value")):  # AG-UI 1.0 says in `type` what it is
        link, content = (value, "") if kind == "url" else ("", value)
    for url in (link, content):
        if url.startswith("data:"):
            head, _, content = url.partition(",")
            return "", content, head[5:].split(";")[0] or None
    return link, content, None


def _first(about: JsonMapping, *keys: str) -> str | None:
    return next(filter(None, (text(about.get(key)) for key in keys)), None)


def _kind(kind: AttachmentKind, mime: str | None) -> AttachmentKind:
    """A binary part is what its MIME type says."""
    return kind_named((mime or "").split("/")[0]) if kind == "file" else kind


def _decoded(content: str) -> bytes | None:
    try:
        return base64.b64decode(content, validate=True) if content else None
    except (binascii.Error, ValueError):
        return None
