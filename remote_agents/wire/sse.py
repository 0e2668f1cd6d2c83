"""Server-sent events: bytes in, frames out. No I/O.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html for what is written by it.
What is not, and still can be read, is read: JSON lines without `data:` (which MaiAgent's
documentation suggests), JSON over several lines with or without it, raw line breaks in a JSON text,
and frames that only one line end parts. What they are is told by where a JSON value ends.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from pydantic_core import from_json

from remote_agents.errors import StreamProtocolError
from remote_agents.wire.parsing import BOM, Nesting, parse_leniently, strictly

DONE = b"[DONE]"
FIELD = re.compile(rb"(?:event|id|retry)(?::|$)|:")
SWALLOWED = re.compile(rb"\s*\S.*?data: ?([{\[].*)")  # a frame whose line break is lost
OTHER_FIELD = re.compile(rb"[A-Za-z][\w-]{0,30}:[^{\[\"]*$")


def too_large(limit: int) -> StreamProtocolError:
    """The error for an event that goes on and on."""
    return StreamProtocolError(
        f"One event is larger than {limit} bytes; the stream was cut off. "
        "Raise max_event_bytes if the agent really sends events of that size."
    )


# One event: its name, if it has one, and its JSON value; bytes, if it is none.
Frame: TypeAlias = tuple[str | None, Any]


class SSEDecoder:
    """Cuts a byte stream into frames, whatever the chunk borders and line ends.

    Args:
        max_event_bytes: The largest event accepted, in bytes.

    Attributes:
        has_halves: Whether a frame was read leniently: its texts may hold half of a surrogate pair.
        was_cut: Whether the stream ended in the middle of a frame.

    Raises:
        StreamProtocolError: From `feed`, when an event is larger than that.

    Example:
        >>> decoder = SSEDecoder()
        >>> [*decoder.feed(b'data: {"a":'), *decoder.feed(b'1}' + bytes([10, 10]))]
        [(None, {'a': 1})]
    """

    def __init__(self, max_event_bytes: int = 8 * 1024 * 1024) -> None:
        self.has_halves = False
        self.was_cut = False
        self._limit = max_event_bytes
        self._tail: list[bytes] = []  # the pieces of an unfinished line
        self._tail_size = 0
        self._skip_newline = False
        self._started = False
        self._event: str | None = None
        self._lines: list[bytes] = []  # of the frame that is being read
        self._size = 0
        self._nesting: Nesting | None = None  # of those lines, where it was asked for
        self._bare = False  # they had no `data:`
        self._after_gap = False  # an empty line came, and their JSON had not ended
        self._stray: bytes | None = None  # a field that nobody knows

    def feed(self, chunk: bytes, into: list[Frame] | None = None) -> list[Frame]:
        """Take the next bytes; gives the frames they complete.

        Args:
            chunk: The bytes.
            into: Where the frames are put, even where it raises; else a list of its own.
        """
        frames = [] if into is None else into
        if not self._started:
            chunk = self._without_bom(chunk)
        if self._skip_newline and chunk:
            self._skip_newline = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            # A CR ends a line at once; an LF that follows, perhaps in the next chunk, is its half.
            self._skip_newline = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n\n" in chunk and not self._lines and self._event is None and self._stray is None:
            chunk = self._read_usual(self._with_tail(chunk), frames)
            if chunk[:6] == b"event:" and b"\n\n" not in chunk:
                self._keep(chunk)  # most likely the beginning of a usual event again
                return frames
        if chunk:
            self._read_lines(chunk, frames)
        return frames

    def _read_usual(self, chunk: bytes, frames: list[Frame]) -> bytes:
        """Read events of one `data:` line of JSON each; gives back what is left."""
        events, rest, long = _events_in(chunk)
        left = iter(events)
        for event in left:
            name, data = None, event
            if event[:6] == b"event:":
                said, _, data = event[6:].partition(b"\n")
                name = said.strip().decode("utf-8", "replace")
            if data[:6] != b"data: " or (long and b"\n" in data):
                return b"\n\n".join([event, *left, rest])
            try:
                value = from_json(data[6:], cache_strings="keys", allow_inf_nan=False)
            except ValueError:
                value = self._reread(data[6:])
                if type(value) is bytes and value != DONE:
                    return b"\n\n".join([event, *left, rest])
            frames.append((name, value))
        return rest

    def _with_tail(self, chunk: bytes) -> bytes:
        if not self._tail:
            return chunk
        chunk = b"".join([*self._tail, chunk])
        self._tail.clear()
        self._tail_size = 0
        return chunk

    def flush(self) -> list[Frame]:
        """The stream has ended; return a last event that had no empty line after it."""
        frames: list[Frame] = []
        if self._tail:  # a line that has no end
            self._read_lines(b"\n", frames)
            self.was_cut = bool(frames) and type(frames[-1][1]) is bytes
        self.was_cut = self.was_cut or self._is_open()
        self._tail.clear()
        self._tail_size = 0
        self._end_event(frames)
        return frames

    # --- bytes into lines --------------------------------------------------------------------

    def _without_bom(self, chunk: bytes) -> bytes:
        chunk = self._with_tail(chunk)
        if len(chunk) < 3 and BOM.startswith(chunk):
            self._keep(chunk)
            return b""
        self._started = True
        return chunk.removeprefix(BOM)

    def _read_lines(self, chunk: bytes, frames: list[Frame]) -> None:
        if b"\n" not in chunk:
            self._keep(chunk)
            return
        lines = self._with_tail(chunk).split(b"\n")
        last = lines.pop()
        for line in lines:
            if line[:6] == b"data: ":
                self._take_data(line[6:], frames)
            elif not line:
                self._take_empty_line(frames)
            else:
                self._take_other(line, frames)
        self._keep(last)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._tail_size += len(piece)
            self._check_size(self._tail_size + self._size)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise too_large(self._limit)

    # --- lines into frames -------------------------------------------------------------------

    def _take_other(self, line: bytes, frames: list[Frame]) -> None:
        if line[:5] == b"data:":
            self._take_data(line[5:], frames)
        elif line == b"data":
            self._take_data(b"", frames)
        elif not self._lines or not self._goes_on(line):
            self._take_field(line, frames)
        else:
            self._add(line)
            if self._bare and not self._is_open():
                self._end_frame(frames)

    def _take_data(self, payload: bytes, frames: list[Frame]) -> None:
        if self._lines and (self._after_gap or self._is_another(payload)):
            self._end_frame(frames)
        self._add(payload)

    def _is_another(self, payload: bytes) -> bool:
        """Whether a `data:` line begins a frame, and does not go on with the one before it."""
        begins = payload.lstrip()[:1] in (b"{", b"[")
        return not self._is_open() and (begins or self._nesting_of_lines().begins_json)

    def _take_empty_line(self, frames: list[Frame]) -> None:
        if not self._lines:
            self._end_event(frames)
        elif len(self._lines) > 1 and self._is_open():
            self._wait_after_gap()
        else:
            value = self._value()
            if type(value) is bytes and self._is_open():
                self._wait_after_gap()
            else:
                self._end_event(frames, value)

    def _wait_after_gap(self) -> None:
        """The line break may be a raw one in a text; what comes next tells."""
        self._add(b"")
        self._after_gap = True

    def _goes_on(self, line: bytes) -> bool:
        """Whether a line without `data:` goes on with a JSON value that has not ended."""
        if line.strip() == DONE:
            return False
        if FIELD.match(line) and (self._after_gap or self._lines[-1][-1:] in (b"}", b"]")):
            return False
        return self._is_open()

    def _take_field(self, line: bytes, frames: list[Frame]) -> None:
        lost = SWALLOWED.match(line) if b"data:" in line else None
        if lost and type(self._reread(lost[1])) is not bytes:  # no text that speaks of events
            self._end_frame(frames)
            frames.append((None, line))
        elif line[:6] == b"event:":
            if self._after_gap or (self._lines and self._event is not None):
                self._end_frame(frames)
            self._event = line[6:].strip().decode("utf-8", "replace")
        elif FIELD.match(line):
            if self._after_gap:
                self._end_frame(frames)
        elif line.lstrip()[:1] in (b"{", b"["):
            self._take_bare_json(line, frames)
        elif OTHER_FIELD.match(line):
            self._stray = self._stray or line
        else:
            self._end_frame(frames)
            frames.append((None, line))

    def _take_bare_json(self, line: bytes, frames: list[Frame]) -> None:
        self._end_frame(frames)
        self._add(line)
        self._bare = True
        if line.strip() == DONE or not self._is_open():
            self._end_frame(frames)

    def _add(self, line: bytes) -> None:
        if self._nesting is not None:
            self._nesting.take(b"\n")
            self._nesting.take(line)
        self._lines.append(line)
        self._size += len(line) + 1
        self._check_size(self._size)

    def _nesting_of_lines(self) -> Nesting:
        if self._nesting is None:
            self._nesting = Nesting(b"\n".join(self._lines))
        return self._nesting

    def _is_open(self) -> bool:
        """Whether the lines so far are JSON that has not ended."""
        return bool(self._lines) and self._nesting_of_lines().is_open

    def _end_event(self, frames: list[Frame], value: object = None) -> None:
        if self._lines:
            self._end_frame(frames, value)
        elif self._stray is not None:  # a field beside data says nothing; alone it may be text
            frames.append((self._event, self._stray))
        self._event = None
        self._stray = None

    def _end_frame(self, frames: list[Frame], value: object = None) -> None:
        if not self._lines:
            return
        if value is None:
            value = self._value()
        if self._event or type(value) is not bytes or value:
            frames.append((self._event, value))
        self._lines.clear()
        self._size = 0
        self._nesting = None
        self._bare = self._after_gap = False

    def _value(self) -> Any:
        """The JSON value of the lines so far, or their bytes."""
        data = self._lines[0] if len(self._lines) == 1 else b"\n".join(self._lines)
        try:
            return strictly(data)
        except ValueError:
            return self._reread(data)

    def _reread(self, data: bytes) -> Any:
        if data == DONE:
            return data
        try:
            value = parse_leniently(data)
        except ValueError:
            return data
        self.has_halves = True
        return value


def _events_in(chunk: bytes) -> tuple[list[bytes], bytes, bool]:
    """The events that empty lines end, what is behind them, and whether one has several lines."""
    lines = chunk.split(b"\n")  # in half the time that two line ends take to be found
    ended = (len(lines) - 1) & ~1
    if any(lines[1:ended:2]):
        *events, rest = chunk.split(b"\n\n")
        return events, rest, True
    return lines[0:ended:2], b"\n".join(lines[ended:]), False
