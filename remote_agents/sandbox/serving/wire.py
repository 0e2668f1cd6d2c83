"""HTTP plumbing that all protocols need and none of them defines."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from remote_agents.sandbox.json_types import JsonObject


class Refusal(Exception):
    """A request that the service answers with an error, in the shape of its vendor.

    Args:
        status: HTTP status.
        message: what is wrong, in words.
        code: the vendor's own error code, where it has codes.
        detail: the vendor's structured body, where a sentence is not its shape.
        headers: extra response headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.detail = status, message, code, detail
        self.headers = dict(headers or {})


class Json(JSONResponse):
    """JSON as most services write it: UTF-8, compact."""

    def render(self, content: object) -> bytes:
        """Encode the body."""
        return dumps(content).encode()


class Frames:
    """A server-sent event stream: each frame leaves as its own HTTP chunk."""

    def __init__(
        self,
        frames: AsyncGenerator[str, None],
        headers: Mapping[str, str] | None = None,
        media_type: str = "text/event-stream",
    ) -> None:
        self.frames = frames
        given = {"content-type": media_type, "cache-control": "no-cache", **(headers or {})}
        self.headers = [(name.encode(), value.encode()) for name, value in given.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the frames or the client are gone; a refusal is told in the stream."""
        lost: asyncio.Event = scope["state"]["connection"].lost
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        try:
            async with aclosing(self.frames) as frames:
                async for frame in frames:
                    await send(body(frame.encode()))
                    if lost.is_set():
                        return
                    await asyncio.sleep(0)
        except Refusal as refusal:
            for frame in scope["state"]["error_frames"](refusal.message):
                await send(body(frame.encode()))
        await send(body(b"", more=False))


# Made once: json.dumps would make one for every frame.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def body(data: bytes, more: bool = True) -> JsonObject:
    """An ASGI body message."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def dumps(value: object) -> str:
    """Compact JSON with the characters as they are."""
    return _ENCODER.encode(value)


def data(value: object, name: str = "") -> str:
    """One SSE frame, with the name of its event if it has one."""
    frame = f"data: {dumps(value)}\n\n"
    return f"event: {name}\n{frame}" if name else frame


DONE = "data: [DONE]\n\n"


def new_id() -> str:
    """A uuid as text."""
    return str(uuid.uuid4())


def short_id() -> str:
    """Eight characters, as the ids of records and conversations have."""
    return uuid.uuid4().hex[:8]


def is_uuid(value: object) -> bool:
    """Whether a JSON value is the text of a uuid."""
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


async def json_value(request: Request) -> Any:
    """The body when it is JSON, else None."""
    raw = await request.body()
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if b"\\ud" in raw.lower():
        value = json.loads(dumps(value).encode(errors="replace"))
    return value


async def json_object(request: Request) -> JsonObject | None:
    """The body when it is a JSON object, else None."""
    value = await json_value(request)
    return value if isinstance(value, dict) else None


LARGEST = sys.float_info.max


def number(value: object) -> bool:
    """Whether a JSON value is a finite number; true and false are not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -LARGEST <= value <= LARGEST
