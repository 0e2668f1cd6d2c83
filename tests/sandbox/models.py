"""An OpenAI-compatible server whose answers a test chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

EVENTS, JSON = "text/event-stream", "application/json"


class Reply(NamedTuple):
    """What it answers; the connection ends the body."""

    body: bytes
    kind: str = EVENTS
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


HOLD = Reply(b"", "hold")  # until the client leaves


def as_json(value: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(json.dumps(value).encode(), JSON, status, headers)


def events(*told: Any, done: bool = True) -> Reply:
    """A stream of events: bytes as they are, a text as content, anything else as JSON."""
    frames = [chunk(each) if isinstance(each, str) else each for each in told]
    lines = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in frames]
    return Reply(b"".join(b"data: %b\n\n" % line for line in [*lines, *[b"[DONE]"] * done]))


def chunk(content: Any, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}


class ModelServer(ThreadingHTTPServer):
    """What it lists and answers, and what it was asked; without an answer it repeats the question.

    `seen` are the paths of the requests, `keys` their authorizations, `models` those asked for;
    `left` tells that a client has left a question that it holds.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.reset()

    def reset(self) -> ModelServer:
        """Itself, without what an earlier test wanted of it."""
        self.listed, self.answer = as_json({"data": [{"id": "tiny"}]}), None
        self.seen: list[str] = []
        self.keys: list[str] = []
        self.models: list[str] = []
        self.left = Event()
        return self

    listed: Reply
    answer: Reply | None


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_GET(self) -> None:
        self._note()
        self._send(self.server.listed)

    def do_POST(self) -> None:
        self._note()
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.models.append(asked["model"])
        if self.server.answer is HOLD:
            self._hold()
            return
        last = asked["messages"][-1]["content"]
        self._send(self.server.answer or events(asked["model"], " heard: ", last))

    def _hold(self) -> None:
        self.connection.settimeout(20)
        with suppress(OSError):
            if not self.connection.recv(1):
                self.server.left.set()
        self.close_connection = True

    def _note(self) -> None:
        self.server.seen.append(self.path)
        self.server.keys.append(self.headers.get("authorization", ""))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in (("content-type", reply.kind), *reply.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving() -> Iterator[ModelServer]:
    """One that runs."""
    with ModelServer() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
