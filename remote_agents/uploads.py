"""A file that goes to a service, read as late as can be and off the event loop."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
from functools import partial
from typing import NamedTuple

from remote_agents.errors import UnsupportedContentError
from remote_agents.flow import Do, Flow
from remote_agents.types import Attachment
from remote_agents.types.contents import MAX_UPLOAD_BYTES, check_size, content_of


class Upload(NamedTuple):
    """A file as it is sent."""

    name: str
    content: bytes
    mime_type: str


def load_upload(attachment: Attachment) -> Flow[Upload]:
    """Name, content and MIME type of a file; its size is looked at before it is read.

    Raises:
        UnsupportedContentError: It is too large, there is none, or no header takes its MIME type.
    """
    if attachment.data is None and not attachment.path:
        raise UnsupportedContentError("An attachment needs a url, a file_id, data or a path.")
    # `mimetypes` reads files too, once in a process.
    upload: Upload = yield Do(partial(_read, attachment), blocks=True)
    return upload


def digest_of(upload: Upload) -> str:
    """What tells an upload from others: its name, its kind and its content."""
    about = f"{upload.name}\0{upload.mime_type}\0".encode("utf-8", "surrogatepass")
    return hashlib.blake2s(about + upload.content).hexdigest()


def _read(attachment: Attachment) -> Upload:
    name, given = name_of(attachment), attachment.data
    content = read_file(attachment.path or "", name) if given is None else content_of(given, name)
    check_size(name, len(content))
    mime_type = attachment.mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if not mime_type.isascii() or not mime_type.isprintable() or mime_type.strip() != mime_type:
        raise UnsupportedContentError(
            f"{name} has the MIME type {mime_type!r}, which cannot be sent; nothing was sent."
        )
    return Upload(name, content, mime_type)


def read_file(path: str, name: str) -> bytes:
    """The content of a regular file; its size is looked at before it is read, and on the way.

    Raises:
        UnsupportedContentError: It is a folder, a device or a pipe, which may never end, or it is
            too large or cannot be read; nothing was sent.
    """
    try:
        # Without waiting: to open a pipe waits for somebody who writes.
        with open(path, "rb", opener=_opener) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise UnsupportedContentError(f"{name} is no regular file; nothing was sent.")
            check_size(name, about.st_size)
            return file.read(MAX_UPLOAD_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnsupportedContentError(
            f"{name} cannot be read ({reason}); nothing was sent."
        ) from error


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def name_of(attachment: Attachment) -> str:
    """The name that a service is told; by its ending services tell the kind of a file."""
    if attachment.filename or attachment.path:
        return os.path.basename(attachment.filename or attachment.path or "")
    mime_type = attachment.mime_type or ""
    subtype = mime_type.partition("/")[2]
    ending = mimetypes.guess_extension(mime_type) or (f".{subtype}" if subtype else "")
    return f"{attachment.kind}{ending}"
