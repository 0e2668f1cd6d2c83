"""Where an answer ends, and what is no end of one."""

import asyncio
import gzip
import json
import resource
import time
import zlib
from functools import cache

import pytest

import remote_agents
from remote_agents import (
    AgentError,
    BlueNexus,
    CloudBase,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.client import Client
from remote_agents.turns import reading, sending
from tests.raw_server import (
    CLOSE,
    EVENTS,
    HOLD,
    JSON,
    RESET,
    Step,
    flood,
    head,
    serving,
)
from tests.transports import (
    DONE,
    KEEPALIVE,
    REPLY,
    WHOLE,
    asking,
    delta,
    each_kind,
    finished,
    until,
)

PACKED = head(EVENTS, "200 OK", "Content-Encoding: gzip")
PACKED_JSON = head(JSON, "200 OK", "Content-Encoding: gzip")
DEFLATED_JSON = head(JSON, "200 OK", "Content-Encoding: deflate")
BOM = b"\xef\xbb\xbf"
NULL = (b'"delta"', b'"message":null,"delta"')
STRANGE = b'data: {"type":"telemetry","load":3}\n\n'
PRETTY = json.dumps(json.loads(REPLY), indent=2).encode()
ENDS: dict[str, list[Step]] = {
    "[DONE], then held open": [head(), delta("Hello"), DONE, HOLD],
    "[DONE], then keep-alives": [head(), delta("Hello"), DONE, flood(KEEPALIVE, 0.01)],
    "[DONE], then a flood": [head(), delta("Hello"), DONE, flood(KEEPALIVE * 50)],
    "[DONE], then a reset": [head(), delta("Hello"), DONE, RESET],
    "[DONE], then more": [head(), delta("Hello"), DONE, delta("!"), DONE],
    "[DONE], then a bad length": [head(length=9999), delta("Hello"), DONE, CLOSE],
    "finished, then the end": [head(), delta("Hello"), finished()],
    "finished, then held open": [head(), delta("Hello"), finished(), HOLD],
    "finished, then keep-alives": [head(), delta("Hello"), finished(), flood(KEEPALIVE, 0.01)],
    "finished, then a reset": [head(), delta("Hello"), finished(), RESET],
    "a step, then more": [head(), delta("Hel"), finished("tool_calls"), 0.6, delta("lo"), DONE],
    "finished, then pieces": [head(), finished(), 0.3, delta("Hel"), 0.3, delta("lo"), DONE],
    "finished, then strange": [head(), delta("Hello"), finished(), flood(STRANGE, 0.01)],
    "a null beside": [head(), delta("Hel").replace(*NULL), delta("lo").replace(*NULL), DONE],
    "no empty line at the end": [head(), delta("Hello"), DONE.strip()],
    "JSON lines": [head(), b'{"choices":[{"delta":{"content":"Hello"}}]}\n[DONE]\n'],
    "a stream said to be JSON": [head(JSON), delta("Hello"), DONE],
    "JSON lines said to be JSON": [head(JSON), delta("Hel")[6:], delta("lo")[6:], b"[DONE]"],
    "JSON in a stream's clothes": [head(), REPLY.encode()],
    "JSON, unasked": WHOLE,
    "JSON with a BOM": [head(JSON), b"\xef\xbb\xbf" + REPLY.encode()],
    "problem+json": [head("application/problem+json"), REPLY.encode()],
    "pieces of letters": [head(), *(bytes([b]) for b in delta("Hello") + DONE)],
    "raw line breaks": [head(), delta("Hello").replace(b": {", b": {\n\n"), DONE],
    "packed": [PACKED, gzip.compress(delta("Hello") + DONE)],
    "packed, each by itself": [PACKED, gzip.compress(delta("Hello")), b"\0", gzip.compress(DONE)],
    "packed and never ended": [PACKED, gzip.compress(delta("Hello") + DONE + b" " * 99)[:-9]],
    "packed as none": [head(EVENTS, "200 OK", "Content-Encoding: none"), delta("Hello"), DONE],
    "packed as UTF-8": [head(EVENTS, "200 OK", "Content-Encoding: UTF-8"), delta("Hello"), DONE],
    "pretty JSON as text": [head("text/plain"), PRETTY],
    "pretty JSON, as it says": [head(JSON), BOM, b"\n", PRETTY],
    "pretty JSON as events": [head(), PRETTY[:30], 0.02, PRETTY[30:]],
    "events as a page": [head("text/html"), delta("Hello"), DONE],
    "packed JSON": [PACKED_JSON, gzip.compress(REPLY.encode())],
    "deflated JSON": [DEFLATED_JSON, zlib.compress(REPLY.encode())],
}  # fmt: skip


@each_kind
@pytest.mark.parametrize("how", ENDS)
async def test_an_answer_ends(kind: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINGER_AFTER_FINISH", 0.4)
    with serving(ENDS[how]) as server:
        async with asking(kind, server) as asker:
            begun = time.monotonic()
            assert await asker.ask() == "Hello"
            assert time.monotonic() - begun < 0.9


CUT: dict[str, tuple[list[Step], type[AgentError], str]] = {
    "the end": ([head(), delta("Hel")], StreamInterruptedError, "Hel"),
    "nothing": ([head()], StreamInterruptedError, ""),
    "no body": ([head(length=0)], StreamInterruptedError, ""),
    "empty JSON": ([head(JSON, length=0)], StreamInterruptedError, ""),
    "half of a JSON body": ([head(JSON), REPLY[:40].encode()], StreamProtocolError, ""),
    "a web page": ([head("text/html"), b"<title>Sign in</title>"], StreamProtocolError, ""),
    "a reset": ([head(), delta("Hel"), RESET], StreamInterruptedError, "Hel"),
    "no JSON": ([head(), delta("Hel"), b"data: lo\n\n", DONE], StreamProtocolError, "Hel"),
    "half of JSON": ([head(), delta("Hel"), b"data: {,\n\n", DONE], StreamProtocolError, "Hel"),
    "an error event": (
        [head(), delta("Hel"), b'event: error\ndata: {"message": "boom"}\n\n'],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error event of text": (
        [head(), delta("Hel"), b"event: error\ndata: boom\n\n", DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error frame": (
        [head(), delta("Hel") + b'data: {"error": "boom"}\n\n' + DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "finish_reason error": (
        [head(), delta("Hel"), finished("error"), DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error beside a piece": (
        [
            head(),
            delta("Hel"),
            b'data: {"choices":[{"delta":{"content":"lo"},"error":{"message":"boom"}}]}\n\n',
            DONE,
        ],
        remote_agents.RemoteFailureError,
        "Hello",
    ),
    "an error in a whole answer": (
        [
            head(JSON),
            b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"error"}]}',
        ],
        remote_agents.RemoteFailureError,
        "Hello",
    ),
    "429 in 200": (
        [head(JSON), b'{"statusCode": 429, "message": "Too Many Requests"}'],
        remote_agents.RateLimitError,
        "",
    ),
    "an endless line": ([head(), delta("a"), flood(b"data: " * 9999)], StreamProtocolError, "a"),
    "an endless event": ([head(), delta("a"), flood(b"data:\n" * 9999)], StreamProtocolError, "a"),
    "an endless comment": ([head(), flood(b":" * 65536)], StreamProtocolError, ""),
    "an endless body": ([head(JSON), b'{"a": "', flood(b"a" * 65536)], StreamProtocolError, ""),
    "brotli": (
        [head(EVENTS, "200 OK", "Content-Encoding: br"), delta("Hello"), DONE],
        StreamProtocolError,
        "",
    ),
    "gzip in gzip": (
        [
            head(EVENTS, "200 OK", "Content-Encoding: gzip, gzip"),
            gzip.compress(gzip.compress(b"a" * 10_000_000)),
        ],
        StreamProtocolError,
        "",
    ),
    "gzip, cut": (
        [PACKED, gzip.compress(delta("Hello") + b" " * 99)[:-9]],
        StreamInterruptedError,
        "Hello",
    ),
    "no gzip behind gzip": (
        [PACKED, gzip.compress(delta("Hello")), delta("lo")],
        StreamProtocolError,
        "Hello",
    ),
    "a page as events": (
        [head(), b"<!doctype html>\n", b"<title>Sign in</title>"],
        StreamProtocolError,
        "",
    ),
    "a page as JSON": ([head(JSON), b"  <html></html>"], StreamProtocolError, ""),
    "no gzip": (
        [PACKED, delta("Hello"), DONE],
        StreamProtocolError,
        "",
    ),
}  # fmt: skip


@each_kind
@pytest.mark.parametrize("how", CUT)
async def test_an_answer_that_is_not_whole_is_an_error(kind: str, how: str) -> None:
    script, expected, partial = CUT[how]
    with serving(script) as server:
        bounds = {"max_event_bytes": 1 << 20, "max_body_bytes": 1 << 21}
        async with asking(kind, server, **bounds) as asker:
            error = await asker.fails()
        assert type(error) is expected, error
        assert (error.partial, error.endpoint) == (partial, "bluenexus")
        assert len(server.requests) == 1


CHUNKED = head(EVENTS, "200 OK", "Transfer-Encoding: chunked")
SAID = b'data: {"type":"text","content":"Hel"}\n\n'
BROKEN_OFF: dict[str, list[Step]] = {
    "reset": [head(), SAID, RESET],
    "reset at once": [head() + SAID, lambda talk: talk.reset(0)],
    "closed before its length": [head(length=999), SAID, CLOSE],
    "closed before its last chunk": [CHUNKED + b"%x\r\n%b\r\n" % (len(SAID), SAID), CLOSE],
    "closed in a chunk": [CHUNKED + b"fff\r\n" + SAID, CLOSE],
    "a bad chunk": [CHUNKED + b"%x\r\n%b\r\n" % (len(SAID), SAID), 0.05, b"zz\r\n", HOLD],
}


@each_kind
async def test_the_end_of_the_connection_may_end_an_answer_of_cloudbase(kind: str) -> None:
    with serving([head(), SAID]) as server:
        async with asking(kind, server, CloudBase, agent_id="a", env_id="e") as asker:
            assert await asker.ask() == "Hel"


@each_kind
@pytest.mark.parametrize("how", BROKEN_OFF)
async def test_a_connection_that_breaks_ends_no_answer(kind: str, how: str) -> None:
    with serving(BROKEN_OFF[how]) as server:
        async with asking(kind, server, CloudBase, agent_id="a", env_id="e") as asker:
            error = await asker.fails()
        assert isinstance(error, (StreamInterruptedError, StreamProtocolError)), error
        assert isinstance(error, StreamProtocolError) == (how == "a bad chunk")
        assert len(server.requests) == 1


STEP = b'data: {"type":"text","content":"Hel","finish_reason":"%s"}\n\n'


@each_kind
@pytest.mark.parametrize("reason", ["tool_calls", "tool-calls", "function_call"])
async def test_a_step_of_an_agent_ends_no_answer(kind: str, reason: str) -> None:
    scripts = {
        CloudBase: [head(), STEP % reason.encode()],
        BlueNexus: [head(), delta("Hel"), finished(reason)],
    }
    for make, script in scripts.items():
        with serving(script) as server:
            async with asking(kind, server, make, agent_id="a") as asker:
                error = await asker.fails()
        assert (type(error), error.partial) == (StreamInterruptedError, "Hel")


@each_kind
async def test_what_came_before_the_break_is_not_lost(kind: str) -> None:
    for tail in (RESET, CLOSE):
        with serving([head(length=999), delta("H"), 0.05, delta("el"), tail]) as server:
            async with asking(kind, server) as asker:
                read = _take_slowly if kind == "sync" else _atake_slowly
                with pytest.raises(StreamInterruptedError) as caught:
                    await read(asker.agent)
        assert caught.value.partial == "Hel"


async def _take_slowly(agent: Client) -> None:
    def take() -> None:
        for _ in agent.stream("Hi"):
            time.sleep(0.2)

    await asyncio.to_thread(take)


async def _atake_slowly(agent: Client) -> None:
    async for _ in agent.astream("Hi"):
        await asyncio.sleep(0.2)


@cache
def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"a" * (1 << 20)
    return packer.compress(b'{"a": "') + b"".join(packer.compress(block) for _ in range(300))


@each_kind
@pytest.mark.parametrize("media", [EVENTS, JSON])
async def test_a_bomb_does_not_unpack(kind: str, media: str) -> None:
    packed = bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving([head(media, "200 OK", "Content-Encoding: gzip"), packed, HOLD]) as server:
        async with asking(kind, server, max_body_bytes=8 << 20) as asker:
            assert type(await asker.fails()) is StreamProtocolError
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 48 << 10  # kB; unpacked it is 300 MB


@each_kind
async def test_stop_cuts_across_borders_and_frees_the_connection(kind: str) -> None:
    script = [head(), delta("one E"), delta("N"), delta("D two"), HOLD]
    with serving(script) as server:
        async with asking(kind, server) as asker:
            begun = time.monotonic()
            assert await asker.ask(stop=["END"]) == "one "
            assert time.monotonic() - begun < 0.5
            assert await until(lambda: server.left)


@each_kind
@pytest.mark.parametrize("pieces", [["one two three"], ["one tw", "o three"], [*"one two three"]])
async def test_the_stop_that_is_whole_first_cuts_in_whatever_pieces_the_text_comes(
    kind: str, pieces: list[str]
) -> None:
    with serving([head(), *map(delta, pieces), HOLD]) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask(stop=["two three", "wo"]) == "one t"


@each_kind
async def test_what_may_begin_a_stop_sequence_is_not_lost(kind: str) -> None:
    with serving([head(length=999), delta("one E"), delta("N"), CLOSE]) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails(stop=["END"])
    assert error.partial == "one EN"


@each_kind
async def test_a_broken_error_body_does_not_hide_the_status(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ERROR_BODY_WAIT", 0.2)
    for tail in (HOLD, RESET, flood(b"a" * 65536)):
        with serving([head(JSON, "503 Unavailable"), b'{"mess', tail]) as server:
            async with asking(kind, server) as asker:
                error = await asker.fails()
        assert isinstance(error, remote_agents.ServerError)
        assert error.status_code == 503
