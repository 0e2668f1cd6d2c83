"""How often a turn is posted, whatever happens to it: the number in each row is the promise."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from langchain_agents._errors import as_model_error
from remote_agents import ENDPOINTS, AgentError, Attachment, BlueNexus, RateLimitError
from remote_agents.client import Client
from remote_agents.testing.ways import NAMES
from tests.raw_server import CLOSE, EVENTS, HOLD, JSON, RESET, RawServer, Step, head, serving
from tests.transports import DONE, Asker, asking, delta, each_kind, finished

CLIENTS: dict[str, type[Client]] = {
    kind.endpoint.name: kind for kind in Client.__subclasses__() if kind.endpoint.name in NAMES
}
each_service = pytest.mark.parametrize("service", ENDPOINTS)
each_shape = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
WHOLE = {
    "cloudbase": {"type": "text", "content": "Done", "finish_reason": "stop"},
    "maiagent": {"content": "Done", "conversationId": "c", "done": True},
}
COMPLETION = {"choices": [{"message": {"content": "Done"}, "finish_reason": "stop"}]}


def whole(data: Any, status: str = "200 OK", *more: str) -> list[Step]:
    body = json.dumps(data).encode()
    return [head(JSON, status, *more, length=len(body)), body]


def answer(service: str) -> list[Step]:
    return whole(WHOLE.get(service, COMPLETION))


def asked(kind: str, server: RawServer, service: str, **settings: Any) -> Any:
    """An asker whose key is a function, whose retries are on, and whose agent has an id."""
    given = {"api_key": lambda: "fresh-token", "agent_id": "a", "max_retries": 2, **settings}
    return asking(kind, server, CLIENTS[service], **given)


# --- an accepted request whose answer reports a failure ------------------------------------------

# Each says that something was refused; what, and after how much work, none says.
REPORTS: dict[str, Any] = {
    "a tool's key": {"code": "TOOL_CREDENTIAL_EXPIRED", "message": "Ticket 1 is closed"},
    "a tool's key, inside": {"error": {"code": "SLACK_UNAUTHORIZED", "message": "Slack said no"}},
    "the key, with HTTP 200": {"code": "INVALID_CREDENTIALS", "message": "m", "requestId": "r"},
    "a tool's 401": {"statusCode": 401, "message": "Unauthorized"},
    "the model's 429": {"statusCode": 429, "message": "Too Many Requests"},
    "the model's 429, named": {
        "error": {"code": "EXCEED_CONCURRENT_REQUEST_LIMIT", "message": "busy"}
    },
    "the model's 503": {"statusCode": 503, "message": "Service Unavailable"},
    "a tool's path": {"detail": "Not Found"},
    "a tool's path, as NestJS": {"statusCode": 404, "message": "Not Found"},
    "a tool's role": {"statusCode": 400, "message": "Unsupported role: system"},
    "a tool's conversation": {"code": "CONVERSATION_NOT_FOUND", "message": "no such conversation"},
    "a tool's session": {"code": "SESSION_EXPIRED", "message": "session not found"},
    "refused with more to say": {
        "code": "EXCEED_CONCURRENT_REQUEST_LIMIT",
        "message": "busy",
        "steps": ["closed ticket 1"],
    },
}
HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Close ticket 1"},
]


@each_shape
@each_kind
@each_service
async def test_a_failure_in_an_accepted_answer_is_posted_once(
    service: str, kind: str, stream: bool
) -> None:
    for report in REPORTS.values():
        script = [head(), b"data: %s\n\n" % json.dumps(report).encode()] if stream else None
        with serving(script or whole(report, "200 OK", "Retry-After: 0")) as server:
            async with asked(kind, server, service) as asker:
                error = await asker.fails(stream=stream)
        assert not error.safe_to_repeat, report
        assert turns(server) == 1, report


@each_kind
@each_service
async def test_nor_does_it_start_a_conversation_anew(service: str, kind: str) -> None:
    for report in (REPORTS["a tool's conversation"], REPORTS["a tool's session"]):
        with serving(whole(report)) as server:
            async with asked(kind, server, service) as asker:
                await asker.fails(stream=False, conversation_id="c-1")
        assert turns(server) == 1


@each_kind
@each_service
async def test_a_throttle_in_the_middle_of_an_answer_is_not_safe_to_repeat(
    service: str, kind: str
) -> None:
    first = json.dumps(_piece(service)).encode()
    for report in REPORTS.values():
        script = [
            head(EVENTS, "200 OK", "Retry-After: 0"),
            b"data: %s\n\ndata: %s\n\n" % (first, json.dumps(report).encode()),
        ]
        with serving(script) as server:
            async with asked(kind, server, service, retry_unsafe=True) as asker:
                error = await asker.fails()
        assert (error.partial, error.safe_to_repeat, turns(server)) == ("Closed", False, 1), report


def _piece(service: str) -> dict[str, Any]:
    if service == "ag_ui":
        return {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "Closed"}
    if service == "cloudbase":
        return {"type": "text", "content": "Closed", "finish_reason": "continue"}
    if service == "maiagent":
        return {"content": "Closed", "conversationId": "c", "done": False}
    return {"choices": [{"delta": {"content": "Closed"}}]}


@each_shape
@each_kind
@pytest.mark.parametrize("service", ["cloudbase", "cloudbase_openai"])
async def test_what_the_gateway_refuses_in_its_own_words_was_not_taken(
    service: str, kind: str, stream: bool
) -> None:
    refusal = {
        "code": "EXCEED_CONCURRENT_REQUEST_LIMIT",
        "message": "Too many requests",
        "requestId": "r",
    }
    busy = whole(refusal, "200 OK", "Retry-After: 0")
    with serving(busy, answer(service)) as server:
        async with asked(kind, server, service) as asker:
            assert await asker.ask(stream=stream) == "Done"
        assert turns(server) == 2
    with serving(busy) as server:
        async with asked(kind, server, service, max_retries=0) as asker:
            error = await asker.fails(stream=stream)
        assert isinstance(error, RateLimitError)
        assert error.safe_to_repeat


def turns(server: RawServer) -> int:
    return sum(request.startswith(b"POST ") for request in server.requests)


# --- a status ------------------------------------------------------------------------------------

SLASHED = ("Location: /agent/?key=1",)
STATUSES: list[tuple[str, int, tuple[str, ...]]] = [
    ("301 Moved Permanently", 1, SLASHED),
    ("302 Found", 1, ("Location: /elsewhere",)),
    ("303 See Other", 1, ("Location: /elsewhere/",)),
    ("304 Not Modified", 1, ()),
    ("307 Temporary Redirect", 1, SLASHED),
    ("307 Temporary Redirect", 1, ("Location: /elsewhere",)),
    ("308 Permanent Redirect", 1, ("Location: /elsewhere",)),
    ("400 Bad Request", 1, ()),
    ("401 Unauthorized", 2, ()),  # the key is a function: a fresh one
    ("402 Payment Required", 1, ()),
    ("403 Forbidden", 1, ()),
    ("404 Nothing", 1, ()),
    ("407 Proxy Authentication Required", 1, ()),
    ("408 Request Timeout", 1, ()),
    ("409 Conflict", 1, ()),
    ("413 Too Large", 1, ()),
    ("421 Misdirected Request", 1, ()),
    ("425 Too Early", 1, ()),
    ("429 Too Many Requests", 3, ("Retry-After: 0",)),
    ("500 Failed", 1, ("Retry-After: 0",)),
    ("502 Bad Gateway", 1, ("Retry-After: 0",)),
    ("503 Unavailable", 1, ()),
    ("503 Unavailable", 3, ("Retry-After: 0",)),
    ("504 Gateway Timeout", 1, ("Retry-After: 0",)),
]


@each_kind
@pytest.mark.parametrize(
    ("status", "posts", "headers"), STATUSES, ids=lambda value: str(value).partition(" ")[0]
)
async def test_a_status(kind: str, status: str, posts: int, headers: tuple[str, ...]) -> None:
    refusal = whole({"message": "as the status says"}, status, *headers)
    for service in ENDPOINTS:
        with serving(refusal) as server:
            async with asked(kind, server, service) as asker:
                await asker.fails(stream=True)
            # An AG-UI server sends on from /agent to /agent/ before it does anything.
            slashed = service == "ag_ui" and headers is SLASHED
            assert turns(server) == (2 if slashed else posts), service
            assert all(b"/elsewhere" not in request for request in server.requests)


@each_kind
@each_shape
@pytest.mark.parametrize("max_retries", [0, 2])
async def test_a_fresh_key_uses_up_no_repetition(kind: str, stream: bool, max_retries: int) -> None:
    stale = whole({"message": "expired"}, "401 Unauthorized")
    busy = whole({"message": "busy"}, "429 Too Many Requests", "Retry-After: 0")
    for service in ENDPOINTS:
        with serving(stale, busy) as server:
            async with asked(kind, server, service, max_retries=max_retries) as asker:
                assert isinstance(await asker.fails(stream=stream), RateLimitError), service
            assert turns(server) == max_retries + 2, service


# --- the connection ------------------------------------------------------------------------------

CONNECTIONS: dict[str, tuple[list[Step], int]] = {
    "closed after the request": ([CLOSE], 1),
    "reset after the request": ([RESET], 1),
    "closed in the head": ([b"HTTP/1.1 200 OK\r\nContent-Ty", CLOSE], 1),
    "reset in the head": ([b"HTTP/1.1 200 OK\r\nContent-Ty", RESET], 1),
    "closed before the body": ([head(length=9), CLOSE], 1),
    "reset before the body": ([head(length=9), RESET], 1),
    "reset in the body": ([head(), delta("Clo"), RESET], 1),
    "an interim response, then closed": ([b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE], 1),
    "no HTTP": ([b"SSH-2.0 hello\r\n\r\n", CLOSE], 1),
}


@each_kind
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept alive"])
@pytest.mark.parametrize("name", CONNECTIONS)
async def test_a_broken_connection(kind: str, name: str, kept: bool) -> None:
    script, posts = CONNECTIONS[name]
    warm = [answer("bluenexus")] if kept else []
    with serving(*warm, script) as server:
        async with asked(kind, server, "bluenexus") as asker:
            for _ in warm:
                assert await asker.ask(stream=False) == "Done"
            error = await asker.fails()
        assert not error.safe_to_repeat
        assert turns(server) == posts + len(warm)


@each_kind
@pytest.mark.parametrize("ending", [CLOSE, RESET])
async def test_a_connection_that_was_closed_while_idle_costs_nothing(
    kind: str, ending: Step
) -> None:
    with serving([*answer("bluenexus"), ending], answer("bluenexus")) as server:
        async with asked(kind, server, "bluenexus", max_retries=0) as asker:
            assert await asker.ask(stream=False) == "Done"
            while not server.left:
                threading.Event().wait(0.005)
            assert await asker.ask(stream=False) == "Done"
        assert turns(server) == 2


@contextmanager
def resetting(after: int) -> Iterator[RawServer]:
    """A server that resets each connection after so many bytes of the request."""

    class Resetting(RawServer):
        def _one(self, sock: socket.socket) -> bool:
            taken = b""
            with suppress(OSError):
                while len(taken) < after and (byte := sock.recv(after - len(taken))):
                    taken += byte
            self.requests.append(taken)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False

    server = Resetting()
    try:
        yield server
    finally:
        server.close()


@each_kind
async def test_a_reset_at_any_byte_of_the_request(kind: str) -> None:
    with serving(answer("bluenexus")) as server:
        async with asked(kind, server, "bluenexus") as asker:
            await asker.ask(stream=False)
    for after in range(1, len(server.requests[0]), 23):
        with resetting(after) as server:
            async with asked(kind, server, "bluenexus") as asker:
                error = await asker.fails()
            assert (len(server.requests), server.connections) == (1, 1)
            assert not error.safe_to_repeat


@each_kind
async def test_a_reset_at_any_byte_of_the_answer(kind: str) -> None:
    said = head() + delta("Ticket 1 ") + delta("is closed.") + finished() + DONE
    for after in range(0, len(said), 11):
        with serving([said[:after], RESET]) as server:
            async with asked(kind, server, "bluenexus") as asker:
                text, error = await outcome(asker)
            assert turns(server) == 1
            assert "Ticket 1 is closed.".startswith(text)
            whole = said[:after].rpartition(b"\n\n")[0] + b"\n\n"
            for piece in ("Ticket 1 ", "is closed."):
                assert (delta(piece) in whole) == (piece in text), after
            assert error is None or not error.safe_to_repeat


async def outcome(asker: Asker) -> tuple[str, AgentError | None]:
    try:
        return await asker.ask(), None
    except AgentError as error:
        return error.partial, error


@each_kind
async def test_silence_is_not_asked_again(kind: str) -> None:
    for script in ([HOLD], [head(), HOLD], [head(), b": ping\n\n", HOLD]):
        with serving(script) as server:
            async with asked(kind, server, "bluenexus", timeout=0.3) as asker:
                assert not (await asker.fails()).safe_to_repeat
            assert turns(server) == 1


# --- what breaks off before the turn -------------------------------------------------------------

FILE = [Attachment("file", data=b"notes", filename="notes.txt")]
BEFORE: dict[str, tuple[str, dict[str, Any]]] = {
    "a conversation": ("cloudbase", {"session_id": "work"}),
    "an upload's address": ("cloudbase", {"attachments": FILE}),
    "an upload": ("maiagent", {"attachments": FILE}),
}
BREAKS: dict[str, list[Step]] = {
    "closed": [CLOSE],
    "silent": [HOLD],
    "failed": [head(JSON, "500 Oops", length=0)],
}


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("what", BEFORE)
async def test_a_turn_that_was_not_sent_cannot_have_run(
    what: str, breaks: str, awaited: bool
) -> None:
    service, call = BEFORE[what]
    with serving(BREAKS[breaks]) as server:
        given: dict[str, Any] = {"base_url": server.url, "agent_id": "a", "api_key": "k"}
        client = CLIENTS[service](**given, max_retries=0, timeout=0.3)
        with pytest.raises(AgentError, match=r"turn was not sent|500") as caught:
            _ = await client.aask("Hi", **call) if awaited else client.ask("Hi", **call)
    assert "turn may" not in str(caught.value)
    assert caught.value.safe_to_repeat
    assert not isinstance(as_model_error(caught.value), RuntimeError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("breaks", BREAKS)
def test_a_list_is_no_turn(breaks: str) -> None:
    with serving(BREAKS[breaks]) as server:
        client = BlueNexus(base_url=server.url, api_key="k", max_retries=0, timeout=0.3)
        with pytest.raises(AgentError) as caught:
            list(client.agents.list())
    assert "turn" not in str(caught.value)
