"""Responses as they arrive: their heads, and their bodies as they are read, sync and async.

Cuts a response off at its deadline, and a packed body into pieces of a bounded size.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import httpx

from remote_agents.errors import AgentError, StreamProtocolError
from remote_agents.flow import DeadlineReached, Limits
from remote_agents.http.charsets import Recoder, recoder_of
from remote_agents.http.deadlines import Alarm, SocketDeadline
from remote_agents.http.errors import is_of_signal, reading_failed
from remote_agents.http.requests import OutgoingRequest
from remote_agents.http.unpacking import Unpacker, unpacker_of

Pairs = list[tuple[bytes, bytes]]


class Headers(dict[str, str]):
    """Headers by their names, however these are spelt; what is said twice counts once.

    Args:
        pairs: As they came.

    Example:
        >>> Headers([(b"X-Id", b"1"), (b"x-id", b"2"), (b"x-ID", b"2")]).get("X-ID")
        '1, 2'
    """

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        for name, value in pairs:
            key, text = name.decode("latin-1").lower(), _text_of(value)
            if key not in self:
                super().__setitem__(key, text)
            elif text not in (self[key], *self[key].split(", ")):  # a proxy repeats what it read
                super().__setitem__(key, f"{self[key]}, {text}")

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header; several are joined by commas."""
        return super().get(name.lower(), default)


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class IncomingResponse(NamedTuple):
    """A response whose head has arrived.

    Args:
        status: Its status.
        pairs: Its headers, each as it was written.
        headers: The same, by their names.
        body: Gives its bytes, as they come.
        close: Frees the connection.
        request: What it answers.
        network: The connection, where httpcore has it.
    """

    status: int
    pairs: Pairs
    headers: Mapping[str, str]
    body: Any
    close: Callable[[], Any]
    request: OutgoingRequest
    network: Any = None

    @classmethod
    def of(cls, response: httpx.Response, close: Callable[[], Any]) -> IncomingResponse:
        """One that came through httpx.

        Raises:
            StreamProtocolError: A hook of the caller's has read its body, and kept nothing.
        """
        body, pairs = response.stream, response.headers.raw
        if response.is_stream_consumed or response.is_closed:  # to read it again would never end
            body = httpx.ByteStream(_read_by_hook(response))
            pairs = [pair for pair in pairs if pair[0].lower() not in _OF_PACKED]
        return cls(
            response.status_code,
            response.headers.raw,
            Headers(pairs),
            body,
            close,
            OutgoingRequest.of(response.request),
            response.extensions.get("network_stream"),
        )


_OF_PACKED = (b"content-encoding", b"content-length")  # which httpx has unpacked


def _read_by_hook(response: httpx.Response) -> bytes:
    """What a hook of the caller's client has read of a body before us, as logs do."""
    try:
        return response.content
    except httpx.ResponseNotRead:
        if not response.is_success:
            return b""  # its status says most
        raise StreamProtocolError(
            "A hook of your http_client took the answer and kept nothing of it; the turn may have "
            "run. Let it call response.read(), or aread(), or leave the body alone."
        ) from None


class Response:
    """What is known of a response when its headers have arrived."""

    def __init__(self, incoming: IncomingResponse) -> None:
        self.status = incoming.status
        self.headers = incoming.headers
        self._incoming = incoming

    @property
    def asked(self) -> tuple[str, list[tuple[str, str]], bytes]:
        """What was sent: the path and query, the headers, and the body unless it was streamed."""
        request = self._incoming.request
        body = request.body if isinstance(request.body, bytes) else b""
        return httpx.URL(request.url).raw_path.decode("ascii"), request.headers, body

    @property
    def answered(self) -> list[tuple[str, str]]:
        """The headers that came, each as it was written."""
        pairs = self._incoming.pairs
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


class SyncResponse(Response):
    """A response being read with blocking I/O.

    Args:
        incoming: Its head has arrived.
        timeout: The limits of the turn.
    """

    def __init__(self, incoming: IncomingResponse, timeout: Limits) -> None:
        super().__init__(incoming)
        # httpcore reads the limit for the body when the body is begun; the watchdog knows better.
        incoming.request.timeout["read"] = _longest(timeout.first_event, timeout.idle)
        self._chunks = _body(incoming)
        sock: socket.socket | None = None
        if incoming.network is not None:
            sock = incoming.network.get_extra_info("socket")
        self._cut = SocketDeadline(sock) if sock is not None else None
        self._idle = math.inf if timeout.idle is None else timeout.idle

    def read(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end, where the connection is freed.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        cut = self._cut
        if cut is not None:
            cut.deadline = deadline
            if deadline is not None and deadline < cut.looked_at:
                # Not after the limit of the next read, which then need not be watched for itself.
                cut.arm(min(deadline, time.monotonic() + self._idle))
        try:
            chunk = next(self._chunks, None)
        except AgentError:
            raise
        except Exception as error:
            if is_of_signal(error):
                raise
            if cut is not None and cut.fired:
                raise DeadlineReached from error
            raise reading_failed(error) from error
        finally:
            if cut is not None:
                cut.deadline = None  # the time that the caller takes is his
        if cut is not None and cut.fired and not chunk:
            raise DeadlineReached
        if chunk is None:
            self._incoming.close()
        return chunk  # what came in time, though nobody looked in time

    def release(self) -> None:
        """Free the connection."""
        self._incoming.close()


class AsyncResponse(Response):
    """A response being read with asyncio.

    Args:
        incoming: Its head has arrived.
        alarm: Rang for the head, and rings for the body.
    """

    def __init__(self, incoming: IncomingResponse, alarm: Alarm) -> None:
        super().__init__(incoming)
        self._alarm = alarm
        self._chunks = _abody(incoming)

    async def aread(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end, where the connection is freed.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        try:
            return await self._alarm.before(deadline, self._chunks.__anext__())
        except StopAsyncIteration:
            await self.arelease()
            return None
        except (AgentError, DeadlineReached, asyncio.CancelledError):
            raise
        except Exception as error:
            raise reading_failed(error) from error

    async def arelease(self) -> None:
        """Free the connection."""
        self._alarm.stop()
        await self._incoming.close()


def _longest(*limits: float | None) -> float | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) + 1.0 if len(known) == len(limits) else None


# --- bodies ------------------------------------------------------------------------------------
# Read from the connection, not through httpx's own decoding.


def _body(incoming: IncomingResponse) -> Iterator[bytes]:
    chunks: Iterator[bytes] = iter(incoming.body)
    for stage in _stages(incoming.headers):
        chunks = _read_through(stage, chunks)
    return chunks


def _read_through(stage: Unpacker | Recoder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from stage.take(chunk)
    stage.end()


def _abody(incoming: IncomingResponse) -> AsyncIterator[bytes]:
    chunks: AsyncIterator[bytes] = aiter(incoming.body)
    for stage in _stages(incoming.headers):
        chunks = _aread_through(stage, chunks)
    return chunks


async def _aread_through(
    stage: Unpacker | Recoder, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        for piece in stage.take(chunk):
            yield piece
    stage.end()


def _stages(headers: Mapping[str, str]) -> list[Unpacker | Recoder]:
    told = headers.get("content-encoding"), headers.get("content-type")
    return [] if _is_plain(*told) else _found_stages(*told)


@lru_cache(maxsize=256)
def _is_plain(encoding: str | None, kind: str | None) -> bool:
    """Whether a body with this head is to be read as it comes, as nearly all are."""
    return not _found_stages(encoding, kind)


def _found_stages(encoding: str | None, kind: str | None) -> list[Unpacker | Recoder]:
    stages = unpacker_of(encoding) if encoding else None, recoder_of(kind) if kind else None
    return [stage for stage in stages if stage is not None]
