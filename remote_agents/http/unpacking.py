"""Packed bodies into plain ones, in pieces of a bounded size. No I/O.

httpx's own decoding costs a third more, unpacks a chunk whole, and stops at the first gzip member.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial

from remote_agents.errors import StreamInterruptedError, StreamProtocolError

# What stands in Content-Encoding where nothing is packed: `none` keeps some compressors away.
PLAIN = frozenset({"", "identity", "none", "utf-8", "utf8", "7bit", "8bit", "binary"})
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
DEFLATED = 8  # the lower half of the first byte of zlib's head
GZIP = b"\x1f"  # the first byte of gzip's
LARGEST_PIECE = 1024 * 1024  # of a packed body, unpacked at once


def unpacker_of(encoding: str) -> Unpacker | None:
    """What unpacks a body, or None if it is plain.

    Args:
        encoding: The value of Content-Encoding.
    """
    names = [name for part in encoding.split(",") if (name := part.strip().lower()) not in PLAIN]
    return Unpacker(names) if names else None


class Unpacker:
    """Unpacks a body of one or several members, as a proxy writes that packs each event.

    Args:
        names: The encodings, in lower case; only one can be undone, and only one that was asked
            for.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = ", ".join(names)
        self._begun = False
        self._member = _new_member()

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """The content of a packed chunk, so that a bomb meets the limits before it is big.

        Raises:
            StreamProtocolError: It cannot be unpacked.
        """
        if self._names not in PACKED:
            raise StreamProtocolError(
                f"The answer is packed as {self._names[:50]!r}, which was not asked for; it was "
                "not read."
            )
        if chunk and not self._begun:
            self._begun = True
            self._begin(chunk)
        piece = b""
        while chunk or (len(piece) == LARGEST_PIECE and not self._member.eof):
            if self._member.eof:
                chunk = chunk.lstrip(b"\0")  # padding
                if chunk:
                    self._begin(chunk)
            piece, chunk = self._unpack(chunk)
            if piece:
                yield piece

    def _begin(self, chunk: bytes) -> None:
        """Unpack the member that begins here; many servers send deflate without its head."""
        headless = self._names == "deflate" and chunk[0] & 15 != DEFLATED and chunk[:1] != GZIP
        self._member = zlib.decompressobj(-zlib.MAX_WBITS) if headless else _new_member()

    def _unpack(self, chunk: bytes) -> tuple[bytes, bytes]:
        member = self._member
        if member.eof:
            return b"", b""
        try:
            piece = member.decompress(chunk, LARGEST_PIECE)
        except zlib.error as error:
            raise StreamProtocolError(f"The answer cannot be unpacked: {error}.") from error
        return piece, member.unused_data if member.eof else member.unconsumed_tail

    def end(self) -> None:
        """The body has ended.

        Raises:
            StreamInterruptedError: In the middle of a member.
        """
        if self._begun and not self._member.eof:
            raise StreamInterruptedError(
                "The packed answer ended before it was whole. The turn may have run; it was not "
                "repeated."
            )


_new_member = partial(zlib.decompressobj, zlib.MAX_WBITS | 32)
