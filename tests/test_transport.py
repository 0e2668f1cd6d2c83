"""Requests on the wire: posted once, over connections that serve again, TLS and redirects."""

import asyncio
import itertools
import socket
import ssl
import sys
import threading
import time
import tracemalloc

import httpcore
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import remote_agents
from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    BlueNexus,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeout,
)
from remote_agents.http import _httpcore_sync
from tests import certificates
from tests.certificates import Authority
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
    ANSWER,
    KEEPALIVE,
    KEY,
    REPLY,
    WHOLE,
    asking,
    delta,
    each_kind,
)

# --- a turn is never posted twice ---------------------------------------------------------------


BROKEN: dict[str, tuple[list[Step], type[AgentError]]] = {
    "closed before the response": ([], StreamInterruptedError),
    "reset before the response": ([RESET], StreamInterruptedError),
    "closed in the headers": ([b"HTTP/1.1 200 OK\r\nContent-"], StreamInterruptedError),
    "closed before an event": ([head(length=99), CLOSE], StreamInterruptedError),
    "reset before an event": ([head(), RESET], StreamInterruptedError),
    "closed in an event": ([head(length=99), delta("H")[:20], CLOSE], StreamInterruptedError),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], StreamProtocolError),
    "a bad chunk": (
        [head(EVENTS, "200 OK", "Transfer-Encoding: chunked") + b"zz\r\nnonsense"],
        StreamProtocolError,
    ),
    "a bad chunk by itself": (
        [head(EVENTS, "200 OK", "Transfer-Encoding: chunked"), 0.05, b"zz\r\nnonsense", HOLD],
        StreamProtocolError,
    ),
    "10 MB of headers": (
        [b"HTTP/1.1 200 OK\r\n", *[b"X-%d: %s\r\n" % (n, b"a" * 65000) for n in range(160)]],
        StreamProtocolError,
    ),
    "endless headers": (
        [b"HTTP/1.1 200 OK\r\n", flood(b"X-Filler: aaaa\r\n")],
        StreamProtocolError,
    ),
    "silence": ([HOLD], AgentTimeoutError),
    "silence after the headers": ([head(), HOLD], AgentTimeoutError),
}


@each_kind
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_turn_that_may_run_is_posted_once(kind: str, stream: bool, fault: str) -> None:
    script, expected = BROKEN[fault]
    with serving(script) as server:
        limits = Timeout(first_event=0.3 if "silence" in fault else 20)
        async with asking(kind, server, timeout=limits, max_retries=3) as asker:
            error = await asker.fails(stream=stream)
        assert type(error) is expected, error
        assert not error.safe_to_repeat
        assert len(server.requests) == 1


@each_kind
async def test_nothing_was_sent_where_nobody_listens(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with asking(kind, f"http://127.0.0.1:{port}", max_retries=1) as asker:
        begun = time.monotonic()
        error = await asker.fails()
    assert type(error) is AgentConnectionError
    assert error.safe_to_repeat
    assert "Timeout" not in str(error)
    assert time.monotonic() - begun > 0.3  # it tried again


@each_kind
async def test_a_host_that_does_not_answer_is_a_connect_timeout(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:  # a full backlog: the kernel drops whoever comes now
            filler.setblocking(False)
            filler.connect_ex(address)
        limits = Timeout(connect=0.3, first_event=0.3)
        async with asking(kind, f"http://127.0.0.1:{address[1]}", timeout=limits) as asker:
            error = await asker.fails()
        for filler in fillers:
            filler.close()
    assert isinstance(error, AgentTimeoutError)
    assert (error.phase, error.safe_to_repeat) == ("connect", True)


@each_kind
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(kind: str) -> None:
    with serving(
        [*WHOLE, 0.05, lambda talk: talk.sock.shutdown(socket.SHUT_RDWR)], WHOLE
    ) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask(stream=False) == "Hello"
            await asyncio.sleep(0.2)
            assert await asker.ask(stream=False) == "Hello"
        assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize(
    ("said", "kept", "closed"),
    [([], 3, 4.5), (["Keep-Alive: timeout=2"], 0.5, 1.2), (["Keep-Alive: timeout=7"], 4.5, 6.2)],
)
async def test_a_connection_that_the_server_is_about_to_close_is_not_used(
    kind: str, said: list[str], kept: float, closed: float
) -> None:
    """Usual ones close it after 5 s, if they do not say how long they wait."""
    with serving([head(JSON, "200 OK", *said, length=len(REPLY)), REPLY.encode()]) as server:
        async with asking(kind, server) as asker:
            for pause, connections in ((0, 1), (kept, 1), (closed, 2)):
                await asyncio.sleep(pause)
                assert await asker.ask(stream=False) == "Hello"
                assert server.connections == connections


def test_a_connection_that_is_closed_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = _httpcore_sync._Stream.write

    def late(self: _httpcore_sync._Stream, buffer: bytes, timeout: float | None = None) -> None:
        time.sleep(0.1)
        write(self, buffer, timeout)

    monkeypatch.setattr(_httpcore_sync._Stream, "write", late)
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Thread(target=lambda: listener.accept()[0].close())
    closing.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(AgentConnectionError, match="nothing was sent") as caught:
        BlueNexus(base_url=url, api_key=KEY, max_retries=0).ask("Hi")
    assert caught.value.safe_to_repeat
    closing.join()
    listener.close()


@each_kind
async def test_a_connection_is_used_again(kind: str) -> None:
    with serving(ANSWER, WHOLE) as server:
        async with asking(kind, server) as asker:
            assert [await asker.ask(), await asker.ask(stream=False)] == ["Hello", "Hello"]
        assert (len(server.requests), server.connections) == (2, 1)


@pytest.mark.parametrize(("status", "connections"), [("400 Bad", 1), ("500 Oops", 2), ("599", 2)])
async def test_a_connection_is_not_used_again_behind_a_server_that_failed(
    kind: str, status: str, connections: int
) -> None:
    with serving([head(JSON, status, length=2), b"{}"], WHOLE) as server:
        async with asking(kind, server, max_retries=0) as asker:
            await asker.fails(stream=False)
            assert await asker.ask(stream=False) == "Hello"
        assert (len(server.requests), server.connections) == (2, connections)


@pytest.mark.parametrize(("seconds", "connections"), [(0.2, 1), (1.2, 2)])
async def test_a_connection_is_not_used_again_behind_a_long_answer(
    kind: str, seconds: float, connections: int
) -> None:
    """A server that is reloaded amid it closes the connection behind it, and cannot say so."""
    with serving([WHOLE[0], seconds, WHOLE[1]], WHOLE) as server:
        async with asking(kind, server) as asker:
            for _ in range(2):
                assert await asker.ask(stream=False) == "Hello"
        assert (len(server.requests), server.connections) == (2, connections)


async def test_a_turn_behind_one_at_which_an_application_of_uvicorns_fell_over(kind: str) -> None:
    """It closes the connection behind the answer that it has for that, and does not say so."""
    turns = itertools.count()

    async def answer(request: Request) -> Response:
        if next(turns) % 2 == 0:
            raise RuntimeError("a mistake of the agent's author")
        return Response(REPLY, media_type=JSON)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    config = uvicorn.Config(app, log_level="critical", ws="none")
    server, sock = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    try:
        async with asking(kind, url, max_retries=0) as asker:
            for _ in range(10):
                assert isinstance(await asker.fails(stream=False), ServerError)
                assert await asker.ask(stream=False) == "Hello"
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)
        sock.close()


@pytest.mark.usefixtures("fresh_pools")
def test_a_connection_on_which_a_turn_begins_is_closed_by_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One turn begins on the idle connection while the pool looks for another turn at it."""
    assigned, looked = threading.Event(), threading.Event()
    handle, info = httpcore.HTTPConnection.handle_request, _httpcore_sync._Stream.get_extra_info

    def begins(self: httpcore.HTTPConnection, request: httpcore.Request) -> httpcore.Response:
        if threading.current_thread() is not threading.main_thread():
            assigned.set()
            looked.wait(0.5)
        return handle(self, request)

    def looks(self: _httpcore_sync._Stream, name: str) -> object:
        if assigned.is_set() and threading.current_thread() is threading.main_thread():
            looked.set()
            time.sleep(0.1)
        return info(self, name)

    with serving(WHOLE, [0.5, *WHOLE]) as server:
        agent = BlueNexus(api_key=KEY, base_url=server.url)
        agent.ask("Hello")
        monkeypatch.setattr(httpcore.HTTPConnection, "handle_request", begins)
        monkeypatch.setattr(_httpcore_sync._Stream, "get_extra_info", looks)
        told: list[str] = []
        other = threading.Thread(target=lambda: told.append(agent.ask("Hello").text))
        other.start()
        assert assigned.wait(5)
        assert agent.ask("Hello").text == "Hello"
        other.join()
        assert told == ["Hello"]


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return certificates.authority()


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_a_private_authority_is_trusted_by_its_file(kind: str, authority: Authority) -> None:
    with serving(ANSWER, context=authority.server) as server:
        async with asking(kind, server, verify=authority.path) as asker:
            assert await asker.ask() == "Hello"


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_an_unknown_authority_is_refused_before_anything_is_sent(
    kind: str, authority: Authority
) -> None:
    with serving(ANSWER, context=authority.server) as server:
        for settings in ({}, {"verify": None}, {"verify": True}):
            async with asking(kind, server, **settings) as asker:
                error = await asker.fails()
            assert type(error) is AgentConnectionError
            assert "verify=" in str(error)
        assert server.requests == []


# asyncio of Python 3.10 leaves the transport of a connection that an alert ends.
@pytest.mark.filterwarnings("ignore:unclosed transport <asyncio.sslproto:ResourceWarning")
@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_a_service_that_wants_a_certificate_of_the_client(
    kind: str, authority: Authority
) -> None:
    """By TLS 1.3 the client learns of it behind its request, which nobody has read."""
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    strict.load_cert_chain(*authority.chain)
    strict.load_verify_locations(authority.path)
    strict.verify_mode = ssl.CERT_REQUIRED
    with serving(ANSWER, context=strict) as server:
        async with asking(kind, server, verify=authority.path) as asker:
            error = await asker.fails()
        assert type(error) is AgentConnectionError
        assert "verify=context" in str(error)
        assert error.safe_to_repeat
        shown = ssl.create_default_context(cafile=authority.path)
        shown.load_cert_chain(*authority.chain)
        async with asking(kind, server, verify=shown) as asker:
            assert await asker.ask() == "Hello"


def test_an_authority_that_cannot_be_read_is_named() -> None:
    agent = BlueNexus(base_url="https://127.0.0.1:1", api_key=KEY, verify="/no/such/ca.pem")
    with pytest.raises(remote_agents.ConfigurationError, match=r"/no/such/ca\.pem"):
        agent.ask("Hi")
    with pytest.raises(remote_agents.ConfigurationError, match=r"/no/such/ca\.pem"):
        asyncio.run(agent.aask("Hi"))


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
@pytest.mark.parametrize("tail", [HOLD, flood(KEEPALIVE, 0.01)])
async def test_deadlines_work_under_tls(kind: str, tail: Step, authority: Authority) -> None:
    with serving([head(), delta("Hel"), tail], ANSWER, context=authority.server) as server:
        limits = Timeout(idle=0.3)
        async with asking(kind, server, verify=authority.path, timeout=limits) as asker:
            error = await asker.fails()
            assert isinstance(error, AgentTimeoutError)
            assert (error.phase, error.partial) == ("idle", "Hel")
            assert await asker.ask() == "Hello"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the TLS of asyncio is another one")
async def test_the_memory_of_a_stream_under_tls(authority: Authority) -> None:
    with serving([head(), delta("Hel"), HOLD], context=authority.server) as server:
        async with asking("aiohttp", server, verify=authority.path) as asker:
            streams = [asker.agent.astream("Hi") for _ in range(20)]
            await anext(streams[0])  # imports what the first request needs
            tracemalloc.start()
            await asyncio.gather(*(anext(stream) for stream in streams[1:]))
            held = tracemalloc.take_snapshot()
            tracemalloc.stop()
            for stream in streams:
                await stream.aclose()
    # The server is in this process too; it reads with `ssl`, the client with asyncio.
    ours = [trace for trace in held.traces if trace.traceback[0].filename != ssl.__file__]
    assert sum(trace.size for trace in ours) / len(streams) < 64 * 1024


# --- what is not followed, not kept --------------------------------------------------------------


@each_kind
async def test_redirects_are_not_followed(kind: str) -> None:
    with serving(WHOLE) as other:
        for status in ("301 Moved", "307 Temporary", "308 Permanent"):
            answer = head(JSON, status, f"Location: {other.url}/x?token=abc", length=0)
            with serving([answer]) as server:
                async with asking(kind, server) as asker:
                    error = await asker.fails()
            assert type(error) is AgentStatusError
            assert other.url in str(error)
            assert "token=abc" not in str(error)
        assert other.requests == []


async def test_redirects_are_not_followed_by_the_callers_clients_either() -> None:
    with serving(WHOLE) as other:
        answer = head(JSON, "307 Temporary", f"Location: {other.url}/", length=0)
        with serving([answer]) as server, httpx.Client(follow_redirects=True) as client:
            agent = BlueNexus(base_url=server.url, api_key=KEY, http_client=client)
            with pytest.raises(AgentStatusError):
                await asyncio.to_thread(agent.ask, "Hi")
        assert other.requests == []


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_cookies_are_not_kept(kind: str) -> None:
    reply = [head(JSON, "200 OK", "Set-Cookie: session=of-the-first-account", length=len(REPLY))]
    with serving([*reply, REPLY.encode()]) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # aiohttp takes none from an address
        async with asking(kind, url) as asker:
            for _ in range(2):
                assert await asker.ask(stream=False) == "Hello"
        assert len(server.requests) == 2
        assert b"cookie" not in server.requests[1].lower()
