"""Where a response ends, and fewer chunks on the way there. No I/O.

Services send each event as an HTTP chunk of its own. h11 works 8 us on a chunk, and every layer
above works per chunk too, although one read from the socket often brings hundreds. So the chunks
of one read are joined into one before a parser sees them. The parser still judges what is valid:
whatever is not a plain chunk passes through as it came.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from functools import lru_cache

from remote_agents.http.heads import plain_head

HEAD_END = re.compile(rb"\n\r?\n")
START = b"HTTP/"
VERSION = re.compile(rb"HTTP/(?:1\.[01]|2\.0)[ \t]")
SWITCHED = re.compile(rb"HTTP/1\.[01] 101")
INTERIM = re.compile(rb"HTTP/1\.[01] 1")
BODILESS = re.compile(rb"HTTP/1\.[01] (?:204|304)")
FAILED = re.compile(rb"HTTP/1\.[01] 5")
CHUNKED = re.compile(rb"\ntransfer-encoding:[ \t]*chunked[ \t]*\r?\n", re.IGNORECASE)
LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d+)[ \t]*\r?\n", re.IGNORECASE)
KEPT_FOR = re.compile(rb"\nkeep-alive:[^\r\n]*?timeout=(\d{1,9})\b", re.IGNORECASE)
STATEMENTS = re.compile(rb"\n[ \t]*(?:transfer-encoding|content-length)", re.IGNORECASE)
# What stands behind a size says nothing, and parsers disagree on where blanks may be in it.
SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]{0,999})?\r\n")
PARTIAL_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}[ \t]*(?:;[^\r\n]{0,999})?\r?")
LONGEST_SIZE = 1024  # longer than any line that `SIZE` matches
LONGEST_HEAD = 128 * 1024
# Seconds that an idle connection is kept by a server that does not say it: uvicorn, Node, Apache.
USUAL = 5.0
MARGIN = 1.0  # seconds that a request may need to a server that is about to close
# Seconds of an answer amid which a server may well have been reloaded; nginx and Apache close its
# connection then, unannounced.
LONG = 1.0


class MalformedHead(ValueError):
    """What answers a request is no HTTP; the message says in which way."""


def is_request_head(buffer: bytes) -> bool:
    """Whether it is the head of a request, which httpcore writes apart from what follows it."""
    return buffer.endswith(b" HTTP/1.1\r\n", 0, buffer.find(b"\n") + 1)


class ChunkJoiner:
    r"""Bytes of responses in, the same responses with fewer chunks out, and nothing beyond them.

    Attributes:
        over: Whether the response has ended.
        left_over: Whether bytes came beyond its end. They would be taken for the next answer, so
            they are not passed on, and the connection is not to be used again.

    Example:
        >>> joiner = ChunkJoiner()
        >>> head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        >>> joiner.join(head + b"2\r\nab\r\n1\r\nc\r\n").removeprefix(head)
        b'3\r\nabc\r\n'
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self, *, bodiless: bool = False, is_http: bool = True) -> None:
        """A request is written: what comes next starts with a head (and has no body after HEAD).

        What answers a step of a SOCKS handshake, which is no HTTP, is passed on as it comes.
        """
        self.over = self.left_over = False
        self._used_until = -math.inf
        self._step: Callable[[bytes], bytes] = self._head if is_http else self._pass_on
        self._bodiless = bodiless
        self._begun = time.monotonic()
        self._kept_for = math.inf
        self._kept = b""
        self._left = 0
        self._closing = False

    @property
    def reusable(self) -> bool:
        """Whether it ended exactly with the last byte that came, and the server still waits."""
        return not self.left_over and time.monotonic() < self._used_until

    def join(self, data: bytes) -> bytes:
        """Take the next bytes; give those to pass on, which may be none yet.

        Raises:
            MalformedHead: They are no answer to an HTTP request, and cannot become one.
        """
        return self._step(data)

    def _head(self, data: bytes) -> bytes:
        left, heads = (self._kept + data).lstrip(b"\r\n"), []
        while end := HEAD_END.search(left):
            head, left = left[: end.end()], left[end.end() :]
            _check_head(head)
            if len(STATEMENTS.findall(head)) != 1 or not (
                CHUNKED.search(head) or LENGTH.search(head)
            ):
                head = plain_head(head)
            heads.append(head)
            if not INTERIM.match(head):  # else another head follows
                self._kept = b""
                self._step = self._framing(head)
                return b"".join(heads) + (self._step(left) if left else b"")
        if left[:5] != START[: len(left)]:
            raise MalformedHead(f"it begins with {left[:40]!r}")
        _check_size(left)
        self._kept = left
        return b"".join(heads)

    def _framing(self, head: bytes) -> Callable[[bytes], bytes]:
        """How the body is read that this head announces."""
        told = KEPT_FOR.search(head)
        self._kept_for = (int(told[1]) if told else USUAL) - MARGIN
        if FAILED.match(head):  # uvicorn, for one, closes it behind its 500, unannounced
            self._kept_for = 0.0
        if self._bodiless or BODILESS.match(head):
            return self.end()
        if CHUNKED.search(head):
            return self._body
        length = LENGTH.search(head)
        if length is None:
            return self._pass_on  # it ends with the connection
        self._left = int(length[1])
        return self._counted if self._left else self.end()

    def end(self) -> Callable[[bytes], bytes]:
        """Nothing is expected: whatever comes is left over."""
        now = time.monotonic()
        kept_for = self._kept_for if now - self._begun < LONG else 0.0
        self.over, self._used_until = True, now + kept_for
        self._step = self._note_left_over
        return self._note_left_over

    def _note_left_over(self, data: bytes) -> bytes:
        if data:
            self.left_over = True
        return b""

    def _pass_on(self, data: bytes) -> bytes:
        return data

    def _counted(self, data: bytes) -> bytes:
        if len(data) < self._left:
            self._left -= len(data)
            return data
        return data[: self._left] + self.end()(data[self._left :])

    def _trailers(self, data: bytes) -> bytes:
        known = len(self._kept)
        self._kept += data
        end = self._kept.find(b"\r\n\r\n")
        if end < 0:
            self._kept = self._kept[-3:]
            return data
        return data[: end + 4 - known] + self.end()(data[end + 4 - known :])

    def _body(self, data: bytes) -> bytes:
        data, self._kept = self._kept + data, b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left:
                pieces.append(data[at : at + self._left])
                at += len(pieces[-1])
                self._left -= len(pieces[-1])
                self._closing = not self._left
            elif self._closing and data.startswith(b"\r\n", at):
                at += 2
                self._closing = False
            elif not self._closing and (after := _take_whole(data, at, pieces)) > at:
                at = after
            elif not self._closing and (size := SIZE.match(data, at)):
                at = size.end()
                self._left = int(size[1], 16)
                if not self._left:
                    self._step = self._trailers
                    return _framed(pieces) + self._trailers(b"0\r\n" + data[at:])
            elif _may_go_on(data[at:], self._closing):
                self._kept = data[at:]
                break
            else:  # the parser is to judge
                self._step = self._pass_on
                # It had this chunk's end already: an empty line tells it that there was none.
                rest = b"\r\n" if self._closing else b""
                return _framed(pieces) + rest + data[at:]
        return _framed(pieces)


def _check_head(head: bytes) -> None:
    """Refuse what one parser takes for an answer, waits to see the rest of, or never gives up."""
    if not VERSION.match(head):
        raise MalformedHead(f"it begins with {head[:40]!r}")
    if SWITCHED.match(head):
        raise MalformedHead("it switches to another protocol (101), which was not asked for")
    _check_size(head)


def _check_size(head: bytes) -> None:
    if len(head) > LONGEST_HEAD:
        raise MalformedHead(f"its head is larger than {LONGEST_HEAD} bytes")


def _take_whole(data: bytes, at: int, pieces: list[bytes]) -> int:
    """Take the chunks that are whole, as most are; gives where the first one is that is not."""
    while begin := data.find(b"\n", at, at + LONGEST_SIZE) + 1:
        end = begin + _size_in(data[at:begin])
        if begin == end or data[end : end + 2] != b"\r\n":
            break
        pieces.append(data[begin:end])
        at = end + 2
    return at


@lru_cache(maxsize=1024)  # events of a service are mostly of a few sizes
def _size_in(line: bytes) -> int:
    size = SIZE.fullmatch(line)
    return int(size[1], 16) if size else 0


def _may_go_on(rest: bytes, closing: bool) -> bool:
    """Whether these last bytes of a read may be the beginning of what is expected."""
    return rest == b"\r" if closing else PARTIAL_SIZE.fullmatch(rest) is not None


def _framed(pieces: list[bytes]) -> bytes:
    data = b"".join(pieces)
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
