"""Joined chunks say what the service's chunks said; h11 is the judge of both."""

import h11
import pytest
from hypothesis import given, strategies as st

from remote_agents.http._httpcore_sync import ChunkJoiner

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=12)
cuts = st.lists(st.integers(1, 30), min_size=1, max_size=200)


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


def judged(reads: list[bytes]) -> tuple[bytes, str]:
    """The body that h11 makes of some reads, and how it ended."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    body = b""
    try:
        for data in [*reads, b""]:
            connection.receive_data(data)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return body, "whole"
    except h11.RemoteProtocolError:
        return body, "broken"
    return body, "open"


def joined(reads: list[bytes]) -> list[bytes]:
    joiner = ChunkJoiner()
    return [data for read in reads if (data := joiner.join(read))]


@given(bodies, cuts)
def test_a_body_stays_the_same_wherever_the_reads_are_cut(
    pieces: list[bytes], sizes: list[int]
) -> None:
    reads = cut(HEAD + chunked(pieces), sizes)
    assert judged(joined(reads)) == (b"".join(pieces), "whole") == judged(reads)


@given(bodies, cuts, st.data())
def test_a_broken_body_is_still_broken(
    pieces: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    whole = chunked(pieces)
    at = data.draw(st.integers(0, len(whole) - 1))
    instead = data.draw(st.binary(max_size=3))
    reads = cut(HEAD + whole[:at] + instead + whole[at + 1 :], sizes)

    body, end = judged(reads)
    joined_body, joined_end = judged(joined(reads))

    # h11 may take a little more or less of a body before it finds the fault, but finds it.
    assert joined_end == end
    if end == "whole":
        assert joined_body == body


@pytest.mark.parametrize(
    "body", [b"3\r\na\r\n", b"1\r\na", b"1\r\na\r", b"1\r\na\n", b"1\r\nab\r\n"]
)
@pytest.mark.parametrize("size", range(1, 12))
def test_a_chunk_that_ends_elsewhere_than_it_said_is_broken(body: bytes, size: int) -> None:
    reads = [HEAD, *cut(body + b"0\r\n\r\n", [size])]
    assert judged(joined(reads))[1] == judged(reads)[1] == "broken"


@pytest.mark.parametrize(
    "behind", [b"  ", b"\t", b";", b";a", b";a=b", b"; a=b", b" ;a", b' ; a="b; c"']
)
@given(bodies, cuts)
def test_what_stands_behind_a_size_says_nothing(
    behind: bytes, pieces: list[bytes], sizes: list[int]
) -> None:
    extended = [b"%x%b\r\n%b\r\n" % (len(piece), behind, piece) for piece in pieces]
    last = b"0%b\r\nx-sum: 1\r\n\r\n" % behind
    reads = cut(HEAD + b"".join(extended) + last, sizes)
    assert judged(joined(reads)) == (b"".join(pieces), "whole")


@given(cuts)
def test_what_is_not_chunked_passes_as_it_came(sizes: list[int]) -> None:
    plain = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n3\r\nabc\r\n0\r\n"
    assert b"".join(joined(cut(plain, sizes))) == plain


def test_chunks_of_one_read_leave_as_one_and_none_waits() -> None:
    joiner = ChunkJoiner()
    joiner.join(HEAD)
    assert joiner.join(b"1\r\na\r\n2\r\nbc\r\n") == b"3\r\nabc\r\n"
    assert joiner.join(b"5\r\nde") == b"2\r\nde\r\n"
    assert joiner.join(b"fgh\r\n0") == b"3\r\nfgh\r\n"
    assert joiner.join(b"\r\n\r\n") == b"0\r\n\r\n"


def test_the_next_answer_of_a_connection_begins_with_its_head() -> None:
    joiner = ChunkJoiner()
    for body in (b"first", b"second"):
        joiner.begin()
        assert judged([joiner.join(HEAD + chunked([body]))]) == (body, "whole")


def test_an_interim_response_is_followed_by_another_head() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    assert joined([early + HEAD + b"1\r\na\r\n1\r\nb\r\n"]) == [early + HEAD + b"2\r\nab\r\n"]


@given(bodies, cuts, st.binary(min_size=1, max_size=30))
def test_nothing_beyond_the_end_is_passed_on(
    pieces: list[bytes], sizes: list[int], more: bytes
) -> None:
    body = b"".join(pieces)
    plain = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    for answer in (HEAD + chunked(pieces), plain):
        for tail in (b"", more):
            joiner = ChunkJoiner()
            reads = [joiner.join(read) for read in cut(answer + tail, sizes)]
            assert joiner.over
            assert joiner.left_over is bool(tail)
            assert judged([read for read in reads if read]) == (body, "whole")
