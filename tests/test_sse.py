"""The decoder against WHATWG's own examples, and against every way to cut the bytes."""

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from remote_agents import StreamProtocolError
from remote_agents.wire.sse import BOM, Frame, SSEDecoder

NEWLINES = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
each_newline = pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES)


def decode(*chunks: bytes, limit: int = 1 << 20) -> list[Frame]:
    decoder = SSEDecoder(limit)
    return [*feed_all(decoder, list(chunks)), *decoder.flush()]


def feed_all(decoder: SSEDecoder, chunks: list[bytes]) -> list[Frame]:
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


# https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, and the
# examples of section 9.2.6. An empty event says nothing to us and is left out; the last one is
# taken without its empty line, because services end their streams so.
EXAMPLES: dict[str, tuple[bytes, list[Any]]] = {
    "YHOO": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
    "comment, ids": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        [
            b"first event",
            b"second event",
            b" third event",
        ],
    ),
    "bare fields": (b"data\n\ndata\ndata\n\ndata:", [b"\n"]),
    "space is optional": (
        b"data:test\n\ndata: test\n\n",
        [b"test", b"test"],
    ),
    "named": (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
        [("add", 73857293), ("remove", 2153)],
    ),
    "a name without data": (b"event: ping\n\ndata: a\n\n", [b"a"]),
    "a name with empty data": (b"event: ping\ndata:\n\ndata: a\n\n", [("ping", b""), b"a"]),
    "retry and unknown fields": (b"retry: 10\nfoo: bar\ndata: a\n\n", [b"a"]),
    "many empty lines": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n\n", [b"a", b"b"]),
    "empty data between": (b"data: a\n\ndata: \n\ndata: b\n\n", [b"a", b"b"]),
    "bare JSON lines": (b'{"a":1}\n{"b":2}\n[DONE]', [{"a": 1}, {"b": 2}, b"[DONE]"]),
    "a bare line that speaks of events": (b'{"a":"data: [1]"}\n', [{"a": "data: [1]"}]),
    "a bare line with another in it": (
        b'{"a":"bdata: {"a":1}\n{"b":2}\n',
        [b'{"a":"bdata: {"a":1}', {"b": 2}],
    ),
    "a bare text that speaks of events": (b'{"a":"b data: {\nc"}\n', [{"a": "b data: {\nc"}]),
    "several bare lines that speak of them": (
        b'{"a":"data: {",\n"b":2}\n',
        [{"a": "data: {", "b": 2}],
    ),
    "a bare line ends what was begun": (b'data: a\n{"b":2}\n', [b"a", {"b": 2}]),
    "other separators are text": (
        "data: a\u2028b\x0bc\x85\n\n".encode(),
        ["a\u2028b\x0bc\x85".encode()],
    ),
    "no field at all": (
        b"hello\n\ndata : a\n\n data: b\n\n",
        [b"hello", b"data : a", b" data: b"],
    ),
    "a field that nobody knows, alone": (b"note: a\n\n", [b"note: a"]),
    "frames parted by one newline": (
        b'data: {"a":1}\ndata: {"b":2}\nevent: x\ndata: {"c":3}\ndata: [DONE]\n',
        [{"a": 1}, ("x", {"b": 2}), ("x", {"c": 3}), ("x", b"[DONE]")],
    ),
    "a ping between them": (b'data: ping\ndata: {"b":2}\n\n', [b"ping", {"b": 2}]),
    "JSON over several lines": (b'data: {"a":\ndata: [1,\ndata: 2]}\n\n', [{"a": [1, 2]}]),
    "raw line breaks": (
        b'data: {"a":"b\nc\n\n\nd"}\n\ndata: {"e":"f\ndata: g"}\n\n',
        [{"a": "b\nc\n\n\nd"}, {"e": "f\ng"}],
    ),
    "pretty bare JSON": (b'{\n  "a": [\n    1\n  ]\n}\n[\n]\n', [{"a": [1]}, []]),
    "raw control characters": (b'data: {"a":"b\tc\x01"}\n\n', [{"a": "b\tc\x01"}]),
    "a frame that was cut": (b'data: {"a":"b\n\ndata: {"c":1}\n\n', [b'{"a":"b\n', {"c": 1}]),
    "cut on its line": (b'data: {"a":"b\ndata: {"c":1}\n\n', [b'{"a":"b\n{"c":1}\n']),
    "an id behind data": (b'data: {"a":1}\nid: 7\n\n', [{"a": 1}]),
    "half of a pair": (b'data: {"a":"\\ud83d"}\n\n', [{"a": "\ud83d"}]),
    "nothing": (b"", []),
}


@each_newline
@pytest.mark.parametrize("bom", [b"", BOM])
@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example: str, bom: bytes, newline: bytes) -> None:
    stream, frames = EXAMPLES[example]
    expected = [frame if isinstance(frame, tuple) else (None, frame) for frame in frames]
    assert decode(bom + stream.replace(b"\n", newline)) == expected
    letters = bom + stream.replace(b"\n", newline)
    assert decode(*(letters[i : i + 1] for i in range(len(letters)))) == expected


def test_only_the_first_bom_is_one() -> None:
    assert decode(BOM + b"data: a\n\n" + BOM + b"data: b\n\n") == [
        (None, b"a"),
        (None, BOM + b"data: b"),
    ]


# An event that a server may send again and again, and how many frames each is.
LAYOUTS = {
    "as most": (b'event: m\ndata: {"a": 1}\n\n', 1),
    "no blanks": (b'event:m\ndata:{"a": 1}\n\n', 1),
    "an id between": (b'event: m\nid: 7\ndata: {"a": 1}\n\n', 1),
    "an id behind": (b'event: m\ndata: {"a": 1}\nid: 7\n\n', 1),
    "a comment between": (b'event: m\n: 7\ndata: {"a": 1}\n\n', 1),
    "a name alone before": (b'event: ping\n\ndata: {"a": 1}\n\n', 1),
    "a name alone": (b"event: ping\n\n", 0),
    "no JSON": (b"event: m\ndata: words\n\n", 1),
    "two lines": (b'event: m\ndata: {"a":\ndata: 1}\n\n', 1),
}


@each_newline
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_is_there_when_its_event_is_over(layout: str, newline: bytes) -> None:
    event, frames = LAYOUTS[layout]
    decoder = SSEDecoder()
    counts = [len(decoder.feed(event.replace(b"\n", newline))) for _ in range(3)]
    assert counts == [frames] * 3


LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:{}",
        b"data: a: b",
        b"data",
        b"data:",
        b"data: ",
        b"event: error",
        b"event:x",
        b"id: 7",
        b": keep-alive",
        b"",
        b"",
        b"",
        b'{"bare": 1}',
        b"[DONE]",
        b"data: [DONE]",
        "data: größe 🙂 \u2028".encode(),
        b"data: \xff\xfe",
        b"nonsense",
    ]
) | st.binary(max_size=12).map(lambda b: b.translate(None, b"\r\n").replace(BOM, b""))


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of lines with one kind of line end, and the same with another, cut anywhere."""
    lines = draw(st.lists(LINES, max_size=14))
    plain = b"".join(line + b"\n" for line in lines) + draw(st.sampled_from([b"", b"data: z"]))
    newline = draw(st.sampled_from(list(NEWLINES.values())))
    stream = draw(st.sampled_from([b"", BOM])) + plain.replace(b"\n", newline)
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    borders = [0, *places, len(stream)]
    return plain, [stream[a:b] for a, b in pairwise(borders)]


@pytest.mark.fuzz
@given(cut_streams())
def test_borders_and_line_ends_change_nothing(case: tuple[bytes, list[bytes]]) -> None:
    plain, chunks = case
    reference = SSEDecoder()
    expected = [f for i in range(len(plain)) for f in reference.feed(plain[i : i + 1])]
    expected += reference.flush()
    assert repr(decode(*chunks)) == repr(expected)  # NaN is not NaN
    assert repr(decode(plain)) == repr(expected)


@pytest.mark.fuzz
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_give_frames_within_the_bound(chunks: list[bytes]) -> None:
    try:
        frames = decode(*chunks, limit=64)
    except StreamProtocolError:
        return
    assert all(len(value) <= 64 + 40 for _, value in frames if isinstance(value, bytes))


@pytest.mark.parametrize(
    "chunk",
    [b"data: aaaaaaaa", b"data: aaaaaaaa\n", b":aaaaaaaa", b"aaaaaaaa", b"data:\n", b"event"],
)
def test_an_event_without_end_is_cut_off(chunk: bytes) -> None:
    decoder = SSEDecoder(1000)
    with pytest.raises(StreamProtocolError, match="1000 bytes"):
        feed_all(decoder, [chunk] * 2000)


def test_a_large_event_in_small_pieces_takes_linear_time() -> None:
    pieces = [b"data: ", *[b"a" * 64] * 100_000, b"\n\n"]
    assert len(decode(*pieces, limit=1 << 24)[0][1]) == 6_400_000


@pytest.mark.parametrize(
    "line", [b'data: }{"\n', b"data: {}\n", b'}"\n', b"\n", b"id\n", b'data: "[\n', b"a data:"]
)
@pytest.mark.parametrize("begin", [b'data: {"a":"', b"data: [[[\n", b'{"a": {\n', b""])
def test_lines_without_end_take_linear_time(begin: bytes, line: bytes) -> None:
    begun = time.process_time()
    decode(begin, *[line * 1000] * 50, limit=1 << 24)
    assert time.process_time() - begun < 5  # quadratic, it is minutes
