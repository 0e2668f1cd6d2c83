"""A web page that shows answers as they arrive, on a real server, and browsers that leave it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.garbage import nothing_collected


class Page:
    """A page at `/` whose text is what `answer()` gives, an iterator or an async one."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        def endpoint(request: Request) -> StreamingResponse:
            return StreamingResponse(answer())

        config = uvicorn.Config(
            Starlette(routes=[Route("/", endpoint)]), log_level="error", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def open(self) -> socket.socket:
        """A browser's connection, which has asked."""
        browser = socket.create_connection(self._socket.getsockname(), timeout=20)
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return browser

    def glance(self) -> None:
        """See an answer begin, and go away."""
        with self.open() as browser:
            seen = b""
            while seen.count(b"\r\n") < seen.partition(b"\r\n\r\n")[0].count(b"\r\n") + 4:
                seen += browser.recv(65536)

    def read(self) -> bytes:
        """A whole answer."""
        with self.open() as browser:
            return b"".join(iter(lambda: browser.recv(65536), b""))


def read_after_a_glance(sandbox: Any, answer: Callable[[], Any]) -> bytes:
    """What a browser is told that asks after another one has closed its tab amid an answer."""
    sandbox.configure(word_delay=0.05)
    page = Page(answer)
    try:
        with nothing_collected():
            page.glance()
            sandbox.configure(word_delay=0)
            return page.read()
    finally:
        page.close()
