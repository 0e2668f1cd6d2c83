"""A server of streams that go wrong at random: resets, silence, early ends, bursts, drips.

Run as a program it prints its port, and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
import sys
from asyncio import StreamReader, StreamWriter

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"X-Conversation-Id: %d\r\n\r\n"
)
WORD = b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
BUSY = b"HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n{}"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answer(writer: StreamWriter, chance: random.Random) -> bool:
    """One answer; False if its connection is over."""
    fate = chance.choice(["whole"] * 6 + ["reset", "early", "silent", "busy", "burst"])
    if fate == "busy":
        writer.write(BUSY)
        return True
    writer.write(HEAD % chance.getrandbits(60))
    for _ in range(chance.randint(1, 30)):
        writer.write(chunk(WORD * (50 if fate == "burst" else 1)))
        await writer.drain()
        await asyncio.sleep(chance.random() * 0.02)
    if fate == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if fate == "silent":
        await asyncio.sleep(5)
        return False
    if fate == "early":
        writer.write(b"0\r\n\r\n")
        return True
    writer.write(chunk(END) + b"0\r\n\r\n")
    return True


async def serve(reader: StreamReader, writer: StreamWriter) -> None:
    chance = random.Random()
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(
                int(line[15:])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            await reader.readexactly(size)
            if not await answer(writer, chance):
                break
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # in the middle of its streams


if __name__ == "__main__":
    asyncio.run(main())
