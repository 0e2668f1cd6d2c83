import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import llamaindex_agents
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import NAMES

SERVICES = tuple(NAMES)
KEEPING = tuple(name for name in SERVICES if ENDPOINTS[name].keeps != "none")
CITING = tuple(name for name in SERVICES if ENDPOINTS[name].cites)
WAYS = ("chat", "achat", "stream_chat", "astream_chat")
STREAMED = ("stream_chat", "astream_chat")
COMPLETE = ("complete", "acomplete", "stream_complete", "astream_complete")
QUESTION = "How many vacation days do I get?"
FOLLOW_UP = "And what about part-time staff?"
PART_TIME = "Part-time staff receive vacation days"
LISTING = ("cloudbase", "bluenexus", "maiagent")
HOW = ("chat", "achat", "stream_chat", "astream_chat")


async def responses(llm: Any, way: str, *args: Any, **kwargs: Any) -> list[Any]:
    """Call an LLM in one of its eight ways; all responses, of which the last is whole."""
    result = getattr(llm, way)(*args, **kwargs)
    if way.startswith("a"):
        result = await result
    if "stream" not in way:
        return [result]
    if way.startswith("a"):
        return [item async for item in result]
    return list(result)


async def last(llm: Any, way: str, *args: Any, **kwargs: Any) -> Any:
    return (await responses(llm, way, *args, **kwargs))[-1]


async def chatted(engine: Any, how: str, message: str, **kwargs: Any) -> tuple[str, Any]:
    answer = getattr(engine, how)(message, **kwargs)
    answer = await answer if how.startswith("a") else answer
    if how == "stream_chat":
        return "".join(answer.response_gen), answer
    if how == "astream_chat":
        return "".join([token async for token in answer.async_response_gen()]), answer
    return str(answer), answer


Build = Callable[..., Any]


@pytest.fixture
def build(sandbox: Sandbox) -> Build:
    """`build("bluenexus", timeout=3)` is an LLM of that service, on the sandbox."""

    def build(service: str, **settings: Any) -> Any:
        kind = getattr(llamaindex_agents, NAMES[service])
        return kind(**{**sandbox.kwargs(service), **settings})

    return build


class RawServer:
    """Answers each request with given bytes; knows when its client has gone.

    A script is a list of steps: bytes to send, `"cut"` to reset the connection, `"stall"` to keep
    it open until the client leaves.
    """

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.script: list[Any] = []
        self.requests: list[bytes] = []
        self.asked = threading.Event()
        self.left = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes its accept()
        self._socket.close()
        for connection in self._open:  # one that a client has kept
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open = [connection]
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        self.requests.append(_read_request(connection))
        self.asked.set()
        steps = (
            self.script.pop(0) if self.script and isinstance(self.script[0], list) else self.script
        )
        try:
            connection.sendall(self.HEAD)
            for step in steps:
                if step == "cut":
                    _reset(connection)
                    return
                if step == "stall":
                    self._wait_for_the_client_to_leave(connection)
                    return
                connection.sendall(step)
        except OSError:
            self.left.set()

    def _wait_for_the_client_to_leave(self, connection: socket.socket) -> None:
        try:
            if connection.recv(1) == b"":
                self.left.set()
        except TimeoutError:
            return
        except OSError:
            self.left.set()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return body


def _reset(connection: socket.socket) -> None:
    """Close with a reset instead of a proper end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A server that sends what a test tells it to."""
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def scripted(server: RawServer) -> Build:
    """An LLM of BlueNexus, whose protocol is OpenAI's, on that server."""

    def scripted(*script: Any, **settings: Any) -> Any:
        server.script = list(script)
        settings = {"timeout": 3.0, "max_retries": 0, **settings}
        return llamaindex_agents.BlueNexus(base_url=server.url, api_key="key", **settings)

    return scripted
