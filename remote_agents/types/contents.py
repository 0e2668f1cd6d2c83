"""The content of a file that goes out: bytes, or an open file that is read."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeAlias

from remote_agents.errors import AgentError, UnsupportedContentError

Content: TypeAlias = bytes | bytearray | memoryview | BinaryIO

MAX_UPLOAD_BYTES = 100 * 1024 * 1024


def content_of(given: Content, name: str = "The file") -> bytes:
    """The content as bytes; an open file is read from where it stands, and stands there again.

    Raises:
        UnsupportedContentError: It is neither, is too large, or cannot be read.
    """
    if isinstance(given, bytes):
        return given
    try:
        if isinstance(given, (bytearray, memoryview)):
            check_size(name, memoryview(given).nbytes)
            return bytes(given)
        return _read(given, name)
    except AgentError:
        raise
    except Exception as error:  # whatever the file is, it is not ours
        raise UnsupportedContentError(
            f"{name} cannot be read ({type(error).__name__}: {error}); nothing was sent."
        ) from error


def _read(file: Any, name: str) -> bytes:
    read = getattr(file, "read", None)
    if not callable(read):
        raise UnsupportedContentError(
            f"A file's content is bytes or an open binary file, not {type(file).__name__}."
        )
    if inspect.iscoroutinefunction(read):
        raise UnsupportedContentError(f"{name} is read with await; pass what that gives.")
    seekable = getattr(file, "seekable", None)
    here = file.tell() if callable(seekable) and seekable() else None
    if here is not None:
        end = file.seek(0, os.SEEK_END)
        check_size(name, end - here)
        if here and here >= end:
            raise UnsupportedContentError(f"{name} was read to its end before: call seek(0) first.")
        file.seek(here)
    content = b"".join(_pieces(read, name))
    if here is not None:
        file.seek(here)
    return content


def _pieces(read: Callable[[int], object], name: str) -> Iterator[bytes]:
    """What is left of an open file; one without a buffer gives less than it is asked for."""
    left = MAX_UPLOAD_BYTES + 1
    while left > 0 and (piece := read(left)):
        if not isinstance(piece, bytes):
            raise UnsupportedContentError(f"{name} is open as text; open it with mode 'rb'.")
        left -= len(piece)
        yield piece


def check_size(name: str, size: int) -> None:
    """Refuse a file that is too large.

    Raises:
        UnsupportedContentError: It is.
    """
    if size > MAX_UPLOAD_BYTES:
        raise UnsupportedContentError(
            f"{name} has {size} bytes; at most {MAX_UPLOAD_BYTES} are uploaded with a message."
        )
