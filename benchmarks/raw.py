"""The floor: a socket, `bytes.split` and `from_json`.

It relies on an HTTP chunk being an event, which a client may not.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

BODY = json.dumps({"messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()


def request_bytes(path: str) -> bytes:
    """The POST that asks for a stream."""
    return (
        b"POST %b/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (path.encode(), len(BODY), BODY)
    )


class Parser:
    """Bytes of one streamed answer in, its texts out."""

    def __init__(self) -> None:
        self.tail = b""
        self.done = False

    def feed(self, data: bytes) -> list[str]:
        lines = (self.tail + data).split(b"\n")
        self.tail = lines.pop()
        texts = []
        for line in lines:
            if line.startswith(b"data: {"):
                text = from_json(line[6:])["choices"][0]["delta"].get("content")
                if text:
                    texts.append(text)
            elif line == b"0\r":
                self.done = True
        return texts

    @property
    def complete(self) -> bool:
        """The last chunk and the empty line after it are here."""
        return self.done and not self.tail


class RawClient:
    """One keep-alive socket; for tasks, one a task."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.request = request_bytes(parts.path)
        self.sock: socket.socket | None = None
        self.idle: list[RawProtocol] = []

    def connect(self) -> socket.socket:
        if self.sock is None:
            self.sock = socket.create_connection(self.address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.sock

    def stream(self) -> Iterator[str]:
        sock, parser = self.connect(), Parser()
        sock.sendall(self.request)
        while not parser.complete:
            yield from parser.feed(sock.recv(1 << 16))

    def ask(self) -> str:
        sock = self.connect()
        sock.sendall(self.request)
        data = sock.recv(1 << 16)
        while (text := answer_text(data)) is None:
            data += sock.recv(1 << 16)
        return text

    async def protocol(self) -> RawProtocol:
        if self.idle:
            return self.idle.pop()
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(RawProtocol, *self.address)
        return protocol

    async def astream(self) -> AsyncIterator[str]:
        protocol, parser = await self.protocol(), Parser()
        protocol.transport.write(self.request)
        while not parser.complete:
            for text in parser.feed(await protocol.read()):
                yield text
        self.idle.append(protocol)

    async def aask(self) -> str:
        protocol = await self.protocol()
        protocol.transport.write(self.request)
        data = await protocol.read()
        while (text := answer_text(data)) is None:
            data += await protocol.read()
        self.idle.append(protocol)
        return text


def answer_text(data: bytes) -> str | None:
    """The text of a non-streamed answer, None as long as it is incomplete."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.rpartition(b"content-length: ")[2])
    if len(body) < length:
        return None
    document: dict[str, Any] = from_json(body)
    return str(document["choices"][0]["message"]["content"])


class RawProtocol(asyncio.Protocol):
    """Hands over what arrived since the last read."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.data = b""
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.wake()

    def wake(self) -> None:
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    async def read(self) -> bytes:
        if not self.data:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        data, self.data = self.data, b""
        if not data:
            raise ConnectionError("the server closed the connection")
        return data
