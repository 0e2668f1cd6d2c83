"""Files for CloudBase agents: links as they are, bytes and paths through the cloud storage."""

from __future__ import annotations

import mimetypes
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from remote_agents.errors import StreamProtocolError, UnsupportedContentError
from remote_agents.flow import Call, Do, Flow, Request
from remote_agents.types import Attachment, Message, Turn
from remote_agents.wire.json import items, mapping, text

MAX_UPLOAD_BYTES = 100 * 1024 * 1024


def links_of(asked: Turn) -> Flow[list[str]]:
    """The links and `cloud://` ids of a turn's files; what is no link yet is uploaded."""
    links = [str(link) for link in asked.options.get("files") or ()]
    for attachment in _attachments(asked.messages):
        link = yield from link_of(attachment)
        links += [link]
    return links


def _attachments(messages: Iterable[Message]) -> list[Attachment]:
    return [attachment for message in messages for attachment in message.attachments]


def link_of(attachment: Attachment) -> Flow[str]:
    """The link of a file; its content, or the file at its path, is uploaded first.

    The storage is another host: it gets the signature that CloudBase gave for this file, and none
    of our credentials.

    Raises:
        UnsupportedContentError: It is too large (it was not read), or there is none.
    """
    known = attachment.url or attachment.file_id
    if known:
        return known
    name, content, kind = yield from _loaded(attachment)
    asked = [{"objectId": f"remote-agents/{uuid.uuid4().hex}/{name}"}]
    path = "/v1/storages/get-objects-upload-info"
    answer = yield Call(Request("POST", path, json=asked, safe=True))
    given = mapping(next(iter(items(answer.data)), None))
    url, file_id = text(given.get("uploadUrl")), text(given.get("cloudObjectId"))
    if not url or not file_id:
        said = text(given.get("message")) or "it gave no address to upload to"
        raise StreamProtocolError(f"CloudBase's storage took no file: {said}.")
    headers = {
        "Authorization": text(given.get("authorization")),
        "X-Cos-Security-Token": text(given.get("token")),
        "X-Cos-Meta-Fileid": text(given.get("cloudObjectMeta")),
        "Content-Type": kind,
    }
    yield Call(Request("PUT", url, content=content, headers=headers, foreign=True))
    return file_id


def _loaded(attachment: Attachment) -> Flow[tuple[str, bytes, str]]:
    """Name, content and MIME type of a file; its size is looked at before it is read."""
    name = _name(attachment)
    content = attachment.data
    if content is None:
        if not attachment.path:
            raise UnsupportedContentError("An attachment needs a url, a file_id, data or a path.")
        _check_size(name, os.path.getsize(attachment.path))
        content = yield Do(Path(attachment.path).read_bytes, blocks=True)
    _check_size(name, len(content))
    return name, content, attachment.mime_type or _guessed(name)


def _name(attachment: Attachment) -> str:
    if attachment.filename or attachment.path:
        return os.path.basename(attachment.filename or attachment.path or "")
    return f"file{mimetypes.guess_extension(attachment.mime_type or '') or ''}"


def _guessed(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _check_size(name: str, size: int) -> None:
    if size > MAX_UPLOAD_BYTES:
        raise UnsupportedContentError(
            f"{name} has {size} bytes; at most {MAX_UPLOAD_BYTES} are uploaded with a message."
        )
