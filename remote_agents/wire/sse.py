"""Server-sent events: bytes in, frames out. No I/O.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html, and beyond it accepts bare
JSON lines (one object a line, no `data:`), which MaiAgent's documentation suggests.
"""

from __future__ import annotations

from typing import NamedTuple

from remote_agents.errors import StreamProtocolError

BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event: its name, if it has one, and its data."""

    event: str | None
    data: bytes


class SSEDecoder:
    """Cuts a byte stream into frames, whatever the chunk borders and line ends.

    Args:
        max_event_bytes: The largest event accepted, in bytes.

    Raises:
        StreamProtocolError: From `feed`, when an event is larger than that.

    Example:
        >>> decoder = SSEDecoder()
        >>> decoder.feed(b'data: {"a":'), decoder.feed(b'1}' + bytes([10, 10]))
        ([], [Frame(event=None, data=b'{"a":1}')])
    """

    def __init__(self, max_event_bytes: int = 8 * 1024 * 1024) -> None:
        self._limit = max_event_bytes
        self._tail: list[bytes] = []  # the pieces of an unfinished line
        self._tail_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._event: str | None = None
        self._skip_newline = False
        self._started = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes; return the frames they complete."""
        if not self._started:
            chunk = self._without_bom(chunk)
        if self._skip_newline and chunk:
            self._skip_newline = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            # A CR ends a line at once; an LF that follows, perhaps in the next chunk, is its half.
            self._skip_newline = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events, gap, rest = chunk.rpartition(b"\n\n")
        frames = self._one_line_events(events) if gap and not self._data else None
        if frames is None:
            return self._lines(chunk)
        return [*frames, *self._lines(rest)] if rest else frames

    def _one_line_events(self, chunk: bytes) -> list[Frame] | None:
        """The frames of events of one `data:` line each, the usual case; None if one is not."""
        if self._event is not None:
            return None
        if self._tail:
            chunk = b"".join([*self._tail, chunk])
        frames = []
        for event in chunk.split(b"\n\n"):
            if event[:6] != b"data: " or b"\n" in event:
                return None
            if len(event) > 6:
                frames.append(Frame(None, event[6:]))
        self._tail.clear()
        self._tail_size = 0
        return frames

    def _lines(self, chunk: bytes) -> list[Frame]:
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        lines = chunk.split(b"\n")
        if self._tail:
            lines[0] = b"".join(self._tail) + lines[0]
            self._tail.clear()
            self._tail_size = 0
        last = lines.pop()
        frames = self._frames(lines)
        self._keep(last)
        return frames

    def flush(self) -> list[Frame]:
        """The stream has ended; return a last event that had no empty line after it."""
        lines = [b"".join(self._tail), b""] if self._tail else [b""]
        self._tail.clear()
        self._tail_size = 0
        return self._frames(lines)

    def _without_bom(self, chunk: bytes) -> bytes:
        chunk = b"".join([*self._tail, chunk])
        self._tail.clear()
        self._tail_size = 0
        if len(chunk) < 3 and BOM.startswith(chunk):
            self._keep(chunk)
            return b""
        self._started = True
        return chunk.removeprefix(BOM)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._tail_size += len(piece)
            self._check(self._tail_size + self._data_size)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise StreamProtocolError(
                f"One event is larger than {self._limit} bytes; the stream was cut off. "
                "Raise max_event_bytes if the agent really sends events of that size."
            )

    def _frames(self, lines: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for line in lines:
            if line[:6] == b"data: ":
                self._add(line[6:])
            elif not line:
                self._dispatch(frames)
            elif line[:5] == b"data:":
                self._add(line[5:])
            elif line[:6] == b"event:":
                self._event = line[6:].strip().decode("utf-8", "replace")
            elif line == b"data":
                self._add(b"")
            elif line[:1] == b"{" or line.strip() == b"[DONE]":
                self._dispatch(frames)
                frames.append(Frame(None, line))
        return frames

    def _add(self, data: bytes) -> None:
        self._data.append(data)
        self._data_size += len(data) + 1
        self._check(self._data_size)

    def _dispatch(self, frames: list[Frame]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            if data or self._event:
                frames.append(Frame(self._event, data))
            self._data.clear()
            self._data_size = 0
        self._event = None
