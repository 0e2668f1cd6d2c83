"""The content of a file that goes out: bytes, or an open file that is read."""

from __future__ import annotations

import os
from typing import Any

from remote_agents.errors import UnsupportedContentError

MAX_UPLOAD_BYTES = 100 * 1024 * 1024


def read_open_file(file: Any, name: str) -> bytes:
    """What is left to read of an open file, if it is not too much."""
    if file.seekable():
        here = file.tell()
        check_size(name, file.seek(0, os.SEEK_END) - here)
        file.seek(here)
    content = file.read(MAX_UPLOAD_BYTES + 1)
    if not isinstance(content, bytes):
        raise UnsupportedContentError(f"{name} is open as text; open it with mode 'rb'.")
    return content


def check_size(name: str, size: int) -> None:
    """Refuse a file that is too large.

    Raises:
        UnsupportedContentError: It is.
    """
    if size > MAX_UPLOAD_BYTES:
        raise UnsupportedContentError(
            f"{name} has {size} bytes; at most {MAX_UPLOAD_BYTES} are uploaded with a message."
        )
