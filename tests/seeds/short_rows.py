"""Short ways to write a row of the table of documented fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.seeds.rows import (
    Continued,
    Refused,
    Sent,
    Told,
    argument,
    call_argument,
    cells_of,
    everywhere,
)

PROMPT = "the prompt"
HISTORY = {
    "plain": "`Message` and earlier replies",
    "langchain": "messages",
    "llamaindex": "`ChatMessage`s",
}
STREAM = {
    "plain": "`stream` or `ask`",
    "langchain": "`stream` or `invoke`",
    "llamaindex": "`stream_chat` or `chat`",
}


def sent(
    document: str,
    endpoint: str,
    name: str,
    path: str,
    value: Any = None,
    *,
    cells: dict[str, str] | None = None,
    call: dict[str, Any] | None = None,
    **settings: Any,
) -> Sent:
    shown = call_argument if call else lambda text: argument(endpoint, text)
    written = ", ".join(f"{key}=" for key in (call or settings))
    known = cells or shown(written)
    return Sent(document, name, known, endpoint, path, settings, call or {}, value)


def continued(document: str, endpoint: str, name: str) -> Continued:
    return Continued(document, name, call_argument("conversation_id="), endpoint, name)


def told(
    document: str, endpoint: str, name: str, body: Any, key: str, value: Any, *headers: str
) -> Told:
    return Told(document, name, cells_of(key), endpoint, body, key, value, headers)


def refused(
    document: str, endpoint: str, name: str, status: str, body: Any, error: Any, says: str
) -> Refused:
    cells = everywhere(f"`{error.__name__}`, with `.code`, `.body`, `.request_id`")
    return Refused(document, name, cells, endpoint, status, body, error, says)


def turned(values: Iterable[str]) -> dict[str, str]:
    return dict(zip(("plain", "langchain", "llamaindex"), values, strict=True))


def headed(document: str, endpoint: str, body: Any) -> Told:
    return told(
        document, endpoint, "header X-Request-Id", body, "request_id", "r-1", "X-Request-Id: r-1"
    )
