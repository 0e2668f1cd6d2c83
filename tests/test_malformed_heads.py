"""Answers that are no HTTP, or become none: one error in sync and async, streamed or not."""

import pytest

from remote_agents import AgentError, StreamInterruptedError, StreamProtocolError
from tests.raw_server import CLOSE, EVENTS, HOLD, RESET, Step, flood, head, serving
from tests.transports import DONE, asking, delta, finished

ANSWER = delta("25 days") + finished() + DONE
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
MALFORMED: dict[str, list[Step]] = {
    "switched": [SWITCHED, CLOSE],
    "switched, and waits": [SWITCHED, HOLD],
    "switched, and a frame": [SWITCHED + b"\x81\x05hello", CLOSE],
    "switched, then an answer": [b"HTTP/1.1 101 No\r\n\r\n" + head() + ANSWER, CLOSE],
    "switched without Upgrade": [b"HTTP/1.0 101 No\r\n\r\n", CLOSE],
    "words": [b"upstream connect error", CLOSE],
    "words, and waits": [b"upstream connect error", HOLD],
    "words, then a reset": [b"upstream connect error", RESET],
    "words in two reads": [b"up", 0.02, b"stream connect error\r\n", CLOSE],
    "a line": [b"SSH-2.0-OpenSSH_9.6\r\n", HOLD],
    "lines": [b"220 mail.acme.example ESMTP\r\n\r\n", CLOSE],
    "JSON": [b'{"error":"not found"}', CLOSE],
    "a page": [b"<html><body>Sign in</body></html>\r\n\r\n", CLOSE],
    "events": [ANSWER, CLOSE],
    "bytes": [bytes(range(128, 256)), CLOSE],
    "HTTP/2": [b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", CLOSE],
    "another version": [b"HTTP/9.9 200 OK\r\n\r\n" + ANSWER, CLOSE],
    "no status": [b"HTTP/1.1 abc OK\r\n\r\n", CLOSE],
    "no header": [b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", CLOSE],
    "an endless head": [head()[:-2], flood(b"X-A: " + b"b" * 8000 + b"\r\n")],
    "an endless field": [head()[:-2] + b"X-A: ", flood(b"b" * 8000)],
    "words behind a hint": [b"HTTP/1.1 103 Early Hints\r\n\r\nupstream", CLOSE],
}
CUT: dict[str, list[Step]] = {
    "nothing": [CLOSE],
    "a reset": [RESET],
    "half a word": [b"HT", CLOSE],
    "half a line": [b"HTTP/1.1 200", CLOSE],
    "half a head": [b"HTTP/1.1 200 OK\r\nContent-Type: text/ev", CLOSE],
    "empty lines": [b"\r\n\r\n", CLOSE],
    "a hint alone": [b"HTTP/1.1 103 Early Hints\r\n\r\n", CLOSE],
    "half a head behind a hint": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", CLOSE],
}
LARGE: dict[str, list[str]] = {
    "a long field": [f"Content-Security-Policy: {'img-src https://a.example; ' * 1000}"],
    "long fields": [f"X-{n}: {'a' * 9000}" for n in range(9)],
    "many fields": [f"X-{n}: a" for n in range(500)],
}
streamed_or_not = pytest.mark.parametrize("streamed", [True, False])


async def failure(script: list[Step], kind: str, *, streamed: bool) -> AgentError:
    with serving(script) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails(stream=streamed)
        assert len(server.requests) == 1
    return error


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_head_is_read(name: str, kind: str) -> None:
    with serving([head(EVENTS, "200 OK", *LARGE[name]), ANSWER, CLOSE]) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask() == "25 days"


@streamed_or_not
@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_http_is_called_that(name: str, kind: str, streamed: bool) -> None:
    error = await failure(MALFORMED[name], kind, streamed=streamed)
    assert type(error) is StreamProtocolError, error
    assert "not valid HTTP" in str(error)
    assert "url=" not in str(error)
    assert not error.safe_to_repeat


@streamed_or_not
@pytest.mark.parametrize("name", CUT)
async def test_a_head_that_breaks_off_is_an_interruption(
    name: str, kind: str, streamed: bool
) -> None:
    error = await failure(CUT[name], kind, streamed=streamed)
    assert type(error) is StreamInterruptedError, error
    assert not error.safe_to_repeat


@streamed_or_not
async def test_empty_lines_before_a_head_say_nothing(kind: str, streamed: bool) -> None:
    with serving([b"\r\n\r\n" + head(EVENTS) + ANSWER, CLOSE]) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask(stream=streamed) == "25 days"


async def test_the_words_that_came_instead_are_said(kind: str) -> None:
    error = await failure(MALFORMED["a line"], kind, streamed=True)
    assert "SSH-2.0-OpenSSH" in str(error)
