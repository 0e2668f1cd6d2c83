"""A file to upload, however it is given."""

from __future__ import annotations

import mimetypes
import os
from typing import Any, BinaryIO, get_args

from remote_agents.endpoints.maiagent import MAX_UPLOAD_BYTES, check_size
from remote_agents.errors import UnsupportedContentError
from remote_agents.types import Attachment, AttachmentKind

Source = str | os.PathLike[str] | bytes | BinaryIO


def attachment_of(
    file: Source, filename: str | None, mime_type: str | None, kind: str | None
) -> Attachment:
    """An attachment from a path, the content, or an open binary file.

    Raises:
        UnsupportedContentError: The file is too large (it was not read), or none of these.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        name = filename or "file"
        check_size(name, len(file))
        return Attachment(
            _kind(kind, mime_type, name), None, None, bytes(file), None, mime_type, name
        )
    if isinstance(file, (str, os.PathLike)):
        path = os.fspath(file)
        name = filename or os.path.basename(path)
        check_size(name, os.path.getsize(path))
        return Attachment(_kind(kind, mime_type, name), None, None, None, path, mime_type, name)
    if not callable(getattr(file, "read", None)):
        raise UnsupportedContentError(
            f"A file is a path, bytes or an open binary file, not {type(file).__name__}."
        )
    name = filename or os.path.basename(str(getattr(file, "name", "file")))
    return attachment_of(_content(file, name), name, mime_type, kind)


def _content(file: Any, name: str) -> bytes:
    """What is left to read of an open file, if it is not too much."""
    if file.seekable():
        here = file.tell()
        check_size(name, file.seek(0, os.SEEK_END) - here)
        file.seek(here)
    content = file.read(MAX_UPLOAD_BYTES + 1)
    if not isinstance(content, bytes):
        raise UnsupportedContentError(f"{name} is open as text; open it with mode 'rb'.")
    return content


def _kind(kind: str | None, mime_type: str | None, name: str) -> AttachmentKind:
    if kind is None:
        kind = (mime_type or mimetypes.guess_type(name)[0] or "").split("/")[0]
    known: AttachmentKind = kind if kind in get_args(AttachmentKind) else "file"  # type: ignore[assignment]
    return known
