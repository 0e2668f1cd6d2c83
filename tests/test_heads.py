"""Heads that state twice where a body ends: sync and async read and refuse the same ones."""

import gzip
from typing import Any

import pytest
from hypothesis import given, strategies as st

from remote_agents import StreamProtocolError
from remote_agents.http.heads import plain_head
from tests.raw_server import EVENTS, head, serving
from tests.transports import DONE, asking, delta

BODY = delta("Hello") + DONE


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


CHUNKS = chunked(BODY)
ENCODED, LONG = "Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}"
READ: dict[str, tuple[tuple[str, ...], bytes]] = {
    "once": ((ENCODED,), CHUNKS),
    "chunked twice": ((ENCODED, "transfer-encoding: Chunked"), CHUNKS),
    "chunked twice in one line": (("Transfer-Encoding: chunked, chunked",), CHUNKS),
    "identity": (("Transfer-Encoding: identity",), BODY),
    "identity with a length": (("Transfer-Encoding: identity", LONG), BODY),
    "identity, chunked": (("Transfer-Encoding: identity, chunked",), CHUNKS),
    "chunked with a length": ((ENCODED, "Content-Length: 99999"), CHUNKS),
    "a length with chunked": (("Content-Length: 3", ENCODED), CHUNKS),
    "a packed transfer": (("Transfer-Encoding: gzip, chunked",), chunked(gzip.compress(BODY))),
    "one length twice": ((LONG, LONG), BODY),
    "one length twice in one line": ((f"{LONG}, {len(BODY)}",), BODY),
}
REFUSED: dict[str, tuple[tuple[str, ...], bytes]] = {
    "two lengths": ((LONG, "Content-Length: 3"), BODY),
    "a length that is none": (("Content-Length: +3",), BODY),
    "a packing that was not asked for": (("Transfer-Encoding: br, chunked",), CHUNKS),
    "a packing that is none": (("Transfer-Encoding: gzip, chunked",), CHUNKS),
}


@pytest.mark.parametrize("how", READ)
async def test_what_says_twice_the_same_is_read(kind: str, how: str) -> None:
    headers, body = READ[how]
    with serving([head(EVENTS, "200 OK", *headers) + body]) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask() == "Hello"


@pytest.mark.parametrize("how", REFUSED)
async def test_what_contradicts_itself_is_refused(kind: str, how: str) -> None:
    headers, body = REFUSED[how]
    with serving([head(EVENTS, "200 OK", *headers) + body]) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails()
        assert type(error) is StreamProtocolError, error
        assert len(server.requests) == 1


def test_a_plain_head_stays_as_it_is() -> None:
    for headers in ((), (ENCODED,), (LONG,), ("X-A: transfer-encoding: identity",)):
        plain = head(EVENTS, "200 OK", *headers)
        assert plain_head(plain) is plain


def test_a_connection_is_not_used_again_after_an_odd_head() -> None:
    odd = head(EVENTS, "200 OK", ENCODED, LONG, "Connection: keep-alive", "X-Request-Id: r")
    assert plain_head(odd) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: r\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )


FIELDS = ("Transfer-Encoding: ", "Content-Length: ", "Connection: ", "X: ", "")
VALUES = ("chunked", "identity", "7", "8", "7, 7", "gzip", "", ",")


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES)), max_size=4))
def test_a_head_is_plain_after_one_look(fields: list[Any]) -> None:
    lines = [name + value for name, value in fields if name + value]
    once = plain_head(head(EVENTS, "200 OK", *lines))
    assert plain_head(once) == once
    assert once.count(b"\r\n\r\n") == 1
    assert once.endswith(b"\r\n\r\n")
