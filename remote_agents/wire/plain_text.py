"""Streams of plain text and no JSON: bytes in, frames out, as `SSEDecoder` has them. No I/O."""

from __future__ import annotations

import codecs
from typing import Protocol

from remote_agents.service import PlainText
from remote_agents.wire.frames import ClassifiedFrames, is_end, is_keep_alive_word
from remote_agents.wire.sse import Frame, SSEDecoder, too_large


class FrameDecoder(Protocol):
    """Cuts a byte stream into frames; what the attributes say stands at `SSEDecoder`."""

    has_halves: bool
    was_cut: bool

    def feed(self, chunk: bytes, into: list[Frame] | None = None) -> list[Frame]:
        """Take the next bytes; gives the frames they complete."""

    def flush(self) -> list[Frame]:
        """The stream has ended; gives what is left."""


def decoder_of(plain_text: PlainText | None, max_event_bytes: int) -> FrameDecoder:
    """What cuts the streams of a service, by what they hold."""
    if plain_text is None:
        return SSEDecoder(max_event_bytes)
    return TextBodyDecoder() if plain_text == "body" else TextEventDecoder(max_event_bytes)


class TextEventDecoder:
    """Server-sent events whose data are text, exactly as the standard has them.

    Args:
        max_event_bytes: The largest event accepted, in bytes.

    Raises:
        StreamProtocolError: From `feed`, when an event is larger than that.

    Example:
        >>> decoder = TextEventDecoder(99)
        >>> decoder.feed(b"data: 25" + bytes([10, 10]) + b"data:  days" + bytes([10, 10]))
        [(None, b'25'), (None, b' days')]
    """

    def __init__(self, max_event_bytes: int) -> None:
        self.has_halves = self.was_cut = False
        self._limit = max_event_bytes
        self._tail: list[bytes] = []  # the pieces of an unfinished line
        self._skip_newline = False
        self._name: str | None = None
        self._data: list[bytes] = []
        self._size = 0  # of the event that is being read

    def feed(self, chunk: bytes, into: list[Frame] | None = None) -> list[Frame]:
        """Take the next bytes; gives the frames they complete, in `into` if there is one."""
        frames = [] if into is None else into
        if self._skip_newline:  # the other half of a line end
            chunk = chunk.removeprefix(b"\n")
        self._skip_newline = chunk.endswith(b"\r")
        self._tail.append(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        self._size += len(chunk)
        if b"\n" in self._tail[-1]:
            *lines, rest = b"".join(self._tail).split(b"\n")
            self._tail = [rest]
            for line in lines:
                self._take(line, frames)
        if self._size > self._limit:
            raise too_large(self._limit)
        return frames

    def flush(self) -> list[Frame]:
        """The stream has ended; gives a last event that had no empty line after it."""
        return self.feed(b"\n\n")

    def _take(self, line: bytes, frames: list[Frame]) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif not line:
            if self._data:
                frames.append((self._name, b"\n".join(self._data)))
            self._name, self._data, self._size = None, [], 0


class TextBodyDecoder:
    """A body that is the text itself, letter by letter as it comes."""

    def __init__(self) -> None:
        self.has_halves = self.was_cut = False
        self._letters = codecs.getincrementaldecoder("utf-8-sig")("replace")

    def feed(self, chunk: bytes, into: list[Frame] | None = None) -> list[Frame]:
        """Take the next bytes; gives their whole letters, in `into` if there is one."""
        frames = [] if into is None else into
        if text := self._letters.decode(chunk):
            frames.append((None, text))
        return frames

    def flush(self) -> list[Frame]:
        """The stream has ended; gives what half a letter comes to."""
        rest = self._letters.decode(b"", final=True)
        return [(None, rest)] if rest else []


def classify_text(frames: list[Frame], *, named: bool = False) -> ClassifiedFrames:
    """Classify frames of text: all are parts of the answer but its end, a failure, and nothing.

    Args:
        frames: Frames that came together.
        named: Whether those that have a name are handed on with it.

    Example:
        >>> classify_text([(None, b"ping"), ("ping", b"now"), (None, b"[DONE]"), (None, b"Hi")])
        ClassifiedFrames(answers=['ping'], keep_alives=1, last=(None, b'[DONE]'))
    """
    answers: list[object] = []
    keep_alives = 0
    for frame in frames:
        name, value = frame
        marks = type(value) is bytes  # a body has no marks
        if marks and (name == "error" or is_end(value)):
            return ClassifiedFrames(answers, keep_alives, frame)
        if not value or (name and is_keep_alive_word(name)):
            keep_alives += 1
        else:
            text = value.decode("utf-8", "replace") if marks else value
            answers.append({"event": name, "data": text} if named and name else text)
    return ClassifiedFrames(answers, keep_alives, None)
