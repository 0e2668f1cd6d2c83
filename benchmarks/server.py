"""A loopback HTTP server that costs next to nothing: it sends precomputed bytes.

The path says what comes back, whatever follows it, so every client gets the same bytes:

    /burst/N/...    N events at once, one HTTP chunk an event
    /answer/N/...   the same with nine characters an event instead of five
    /paced/N/...    an event a millisecond
    /slow/N/...     an event every 20 ms, its text the monotonic clock at the time of sending
    /calls/N/...    N events: text, then the arguments of a tool's call
    /agui/N/...     the same as an AG-UI run
    /json/MS/...    one JSON document after MS milliseconds
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import resource
import ssl
import sys
import time
from collections.abc import Callable
from functools import lru_cache

EVENT_BYTES = 283
STAMP_DIGITS = 20
PERIOD = 0.02
TICK = 0.001
SLICE = 1 << 16
WORDS = {"burst": " word", "answer": " sentence", "paced": " word"}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"x-conversation-id: conv-%08d\r\ntransfer-encoding: chunked\r\n\r\n"
)
JSON_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"x-conversation-id: conv-%08d\r\ncontent-length: %d\r\n\r\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
CONVERSATION = re.compile(rb'"conversationId":\s*"conv-(\d+)"')
ARGUMENTS = '{"query": "', '"}'
USAGE = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}


def chunk(delta: dict[str, object], finish: str | None = None, **more: object) -> bytes:
    """One SSE event of a chat completion, padded in its id to `EVENT_BYTES` where shorter."""
    event = {
        "id": "chatcmpl-",
        "object": "chat.completion.chunk",
        "created": 1713000000,
        "model": "bluenexus/glm-4.7-flash-tee",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    missing = EVENT_BYTES - len(b"data: " + json.dumps(event).encode() + b"\n\n")
    event["id"] = "chatcmpl-" + "a" * max(missing, 1)
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def agui(kind: str, **fields: str) -> bytes:
    """One event of an AG-UI run."""
    return b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


def framed(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = framed(chunk({}, "stop", usage=USAGE)) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STAMPED = framed(chunk({"content": "#" * STAMP_DIGITS}))
STAMP_BEFORE, STAMP_AFTER = STAMPED.split(b"#" * STAMP_DIGITS)
DOCUMENT = json.dumps(
    {
        "id": "chatcmpl-abc123",
        "object": "chat.completion",
        "created": 1713000000,
        "model": "bluenexus/glm-4.7-flash-tee",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "word " * 40},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
).encode()


@lru_cache(maxsize=64)
def burst(word: str, count: int) -> bytes:
    """The whole body of a stream of `count` events."""
    return framed(chunk({"content": word})) * count + END


@lru_cache(maxsize=4)
def calls(count: int) -> bytes:
    """A stream of text and of a tool's arguments, half and half."""
    function = {"name": "search", "arguments": ""}
    first = {"index": 0, "id": "call_1", "type": "function", "function": function}

    def more(arguments: str) -> bytes:
        part = {"index": 0, "function": {"arguments": arguments}}
        return framed(chunk({"tool_calls": [part]}))

    return b"".join(
        (
            framed(chunk({"content": " word"})) * (count // 2),
            framed(chunk({"tool_calls": [first]})),
            more(ARGUMENTS[0]) + more("12345") * (count // 2) + more(ARGUMENTS[1]),
            framed(chunk({}, "tool_calls", usage=USAGE)),
            framed(b"data: [DONE]\n\n") + b"0\r\n\r\n",
        )
    )


@lru_cache(maxsize=4)
def agui_calls(count: int) -> bytes:
    """The same, as AG-UI has it."""
    run = {"threadId": "t", "runId": "r"}
    message, call = {"messageId": "m"}, {"toolCallId": "c"}
    text = framed(agui("TEXT_MESSAGE_CONTENT", **message, delta=" word"))
    first, piece, last = (
        framed(agui("TOOL_CALL_ARGS", **call, delta=delta))
        for delta in (ARGUMENTS[0], "12345", ARGUMENTS[1])
    )
    return b"".join(
        (
            framed(agui("RUN_STARTED", **run)),
            framed(agui("TEXT_MESSAGE_START", **message, role="assistant")),
            text * (count // 2),
            framed(agui("TEXT_MESSAGE_END", **message)),
            framed(agui("TOOL_CALL_START", **call, toolCallName="search", parentMessageId="m")),
            first + piece * (count // 2) + last,
            framed(agui("TOOL_CALL_END", **call)),
            framed(agui("RUN_FINISHED", **run)),
            b"0\r\n\r\n",
        )
    )


@lru_cache(maxsize=4)
def event(word: str) -> bytes:
    """One event as it stands on the wire."""
    return framed(chunk({"content": word}))


def stamped() -> bytes:
    """An event that says when it left."""
    return STAMP_BEFORE + b"%020d" % time.monotonic_ns() + STAMP_AFTER


def take_request(buffer: bytearray) -> tuple[str, bytes] | None:
    """Cut a whole request off the front of `buffer`: its path and body; None if incomplete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = bytes(buffer[:head_end]).lower()
    start = head_end + 4
    if b"transfer-encoding: chunked" in head:
        last = buffer.find(b"0\r\n\r\n", start)
        end = last + 5 if last >= 0 else -1
    else:
        length = re.search(rb"content-length: *(\d+)", head)
        end = start + (int(length[1]) if length else 0)
    if end < 0 or len(buffer) < end:
        return None
    path, body = bytes(buffer[:head_end]).split(b" ", 2)[1].decode(), bytes(buffer[start:end])
    del buffer[:end]
    return path, body


class Wheel:
    """Serves every slow stream once in 20 ms, the streams spread over a slot a millisecond."""

    def __init__(self) -> None:
        self.slots: list[dict[Connection, int]] = [{} for _ in range(round(PERIOD / TICK))]
        self.turn = itertools.count()
        self.running = False

    def add(self, connection: Connection, count: int) -> None:
        self.slots[next(self.turn) % len(self.slots)][connection] = count
        if not self.running:
            self.running = True
            self.tick(0, asyncio.get_running_loop().time())

    def drop(self, connection: Connection) -> None:
        for slot in self.slots:
            slot.pop(connection, None)

    def tick(self, number: int, start: float) -> None:
        loop = asyncio.get_running_loop()
        while start + number * TICK <= loop.time():
            self.serve(self.slots[number % len(self.slots)])
            number += 1
        self.running = any(self.slots)
        if self.running:
            loop.call_at(start + number * TICK, self.tick, number, start)

    def serve(self, slot: dict[Connection, int]) -> None:
        for connection, left in list(slot.items()):
            connection.transport.write(stamped() if left else END)
            if left:
                slot[connection] = left - 1
            else:
                del slot[connection]


class Connection(asyncio.Protocol):
    """One client connection, kept alive."""

    transport: asyncio.Transport

    def __init__(self, wheel: Wheel, numbers: itertools.count[int]) -> None:
        self.wheel, self.numbers = wheel, numbers
        self.buffer = bytearray()
        self.pending = memoryview(b"")
        self.paused = False
        self.timer: asyncio.TimerHandle | None = None
        self.modes: dict[str, Callable[[int, int], None]] = {
            "burst": lambda count, number: self.send_burst(" word", count, number),
            "answer": lambda count, number: self.send_burst(" sentence", count, number),
            "calls": lambda count, number: self.send_body(calls(count), number),
            "agui": lambda count, number: self.send_body(agui_calls(count), number),
            "paced": self.send_paced,
            "slow": self.send_slow,
            "json": self.send_json,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.wheel.drop(self)
        if self.timer:
            self.timer.cancel()
        self.pending = memoryview(b"")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while request := take_request(self.buffer):
            self.answer(*request)

    def answer(self, path: str, body: bytes) -> None:
        path = path.removeprefix("http://agents.example")  # what a client says to a proxy
        match path.split("/", 3):
            case ["", mode, count, *_] if mode in self.modes:
                known = CONVERSATION.search(body)
                number = int(known[1]) if known else next(self.numbers)
                self.modes[mode](int(count), number)
            case _:
                self.transport.write(NOT_FOUND)

    def send_burst(self, word: str, count: int, number: int) -> None:
        self.send_body(burst(word, count), number)

    def send_body(self, body: bytes, number: int) -> None:
        self.transport.write(STREAM_HEAD % number)
        self.pending = memoryview(body)
        self.push()

    def push(self) -> None:
        while self.pending and not self.paused:
            piece, self.pending = self.pending[:SLICE], self.pending[SLICE:]
            self.transport.write(piece)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.push()

    def send_paced(self, count: int, number: int) -> None:
        self.transport.write(STREAM_HEAD % number)
        self.step(count, asyncio.get_running_loop().time() + TICK)

    def step(self, left: int, due: float) -> None:
        self.transport.write(event(" word") if left else END)
        if left:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_at(due, self.step, left - 1, max(due, loop.time()) + TICK)

    def send_slow(self, count: int, number: int) -> None:
        self.transport.write(STREAM_HEAD % number)
        self.wheel.add(self, count)

    def send_json(self, delay: int, number: int) -> None:
        data = JSON_HEAD % (number, len(DOCUMENT)) + DOCUMENT
        if delay:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(delay / 1000, self.transport.write, data)
        else:
            self.transport.write(data)


def raise_file_limit() -> None:
    """As many sockets as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tls() -> tuple[ssl.SSLContext | None, str]:
    """With the argument `tls`: the context to serve with, and the file that vouches for it."""
    if sys.argv[1:] != ["tls"]:
        return None, ""
    from tests.certificates import authority

    return authority().server, authority().path


async def serve() -> None:
    """Listen on a free port, print it, and stop when stdin closes."""
    context, vouches = tls()
    loop = asyncio.get_running_loop()
    wheel, numbers, stopped = Wheel(), itertools.count(1), asyncio.Event()
    server = await loop.create_server(
        lambda: Connection(wheel, numbers), "127.0.0.1", 0, backlog=4096, ssl=context
    )
    loop.add_reader(sys.stdin.fileno(), stopped.set)
    print(server.sockets[0].getsockname()[1], vouches, flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(serve())
