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
    mime = text(about.get("mimeType")) or text(about.get("mime_type")) or None
    url, content = text(about.get("url")), text(about.get("data")) or text(about.get("file_data"))
    if value := text(about.get("value")):  # AG-UI 1.0 says in `type` what it is
        url, content = (value, "") if mapping(inner).get("type") == "url" else ("", value)
    for link in (url, content):
        if link.startswith("data:"):
            head, _, content = link.partition(",")
            mime, url = mime or head[5:].split(";")[0] or None, ""
    data = _decoded(content)
    known = (url or None, identifier(about.get("id")) or identifier(about.get("file_id")))
    if not any(known) and data is None:
        return None
    return File(_kind(kind, mime), *known, text(about.get("filename")) or None, mime, data)


def _kind(kind: AttachmentKind, mime: str | None) -> AttachmentKind:
    """A binary part is what its MIME type says."""
    return kind_named((mime or "").split("/")[0]) if kind == "file" else kind


def _decoded(content: str) -> bytes | None:
    try:
        return base64.b64decode(content, validate=True) if content else None
    except (binascii.Error, ValueError):
        return None
