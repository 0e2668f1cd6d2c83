"""Text in the charset that its head names into UTF-8, in pieces. No I/O."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_TEXT = ("text/", "json", "javascript")


def recoder_of(content_type: str) -> Recoder | None:
    """What makes UTF-8 of a body, or None if it is to be read as it is.

    Args:
        content_type: The value of Content-Type.
    """
    named = _CHARSET.search(content_type)
    if named is None or not any(kind in content_type.lower() for kind in _TEXT):
        return None
    try:
        b"text".decode(named[1])  # of codecs of other things, and of unknown ones, it raises
        charset = codecs.lookup(named[1]).name
    except (LookupError, UnicodeError):
        return None
    return None if charset in ("utf-8", "utf-8-sig") else Recoder(charset)


class Recoder:
    """Makes UTF-8 of a text in another charset.

    Many servers name Latin-1, the old default, and write UTF-8: what the first letters beyond ASCII
    are is believed before what the head says.

    Args:
        charset: What the head says.
    """

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._held = b""
        self._is_known = False
        self._decoder: codecs.IncrementalDecoder | None = None

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """The same text in UTF-8; letters may be cut by the borders of chunks."""
        if not self._is_known:
            chunk = self._looked_at(self._held + chunk)
        if self._decoder is not None:
            chunk = self._decoder.decode(chunk).encode("utf-8", "replace")
        if chunk:
            yield chunk

    def _looked_at(self, chunk: bytes) -> bytes:
        """Learn from the first letters beyond ASCII; what may be half of one is held back."""
        self._held = b""
        if chunk.isascii():
            return chunk
        try:
            chunk.decode()
        except UnicodeDecodeError as error:
            if error.end < len(chunk) or error.reason != "unexpected end of data":
                self._decoder = codecs.getincrementaldecoder(self._charset)("replace")
            elif chunk[: error.start].isascii():
                self._held = chunk[error.start :]
                return chunk[: error.start]
        self._is_known = True
        return chunk

    def end(self) -> None:
        """The body has ended; half of a letter at its end says nothing."""
