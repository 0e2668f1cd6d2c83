"""What an OpenAI-compatible server answers, read; no I/O."""

from __future__ import annotations

import json
from typing import NamedTuple

from remote_agents.sandbox.json_types import JsonObject


class UpstreamError(Exception):
    """What is wrong with an upstream's answer, in words.

    Args:
        message: what is wrong.
        status: the HTTP status that tells a client as much.
        headers: the response headers that go with it.
    """

    def __init__(
        self, message: str, status: int = 502, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class Piece(NamedTuple):
    """Text of an answer; `finish` is why it ends, where it does, and `ended` whether it does."""

    text: str = ""
    finish: str | None = None
    ended: bool = False


DONE = Piece(ended=True)


def read_json(data: bytes) -> object:
    """JSON; UpstreamError where it is none."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UpstreamError("what it sent is no JSON") from error
    return value


def read_line(line: bytes) -> Piece | None:
    """What a line of an event stream says, or None; UpstreamError says what is wrong with it."""
    if not line.startswith(b"data:"):
        return None
    told = line[5:].strip()
    return DONE if told == b"[DONE]" else read_event(read_json(told))


def read_event(event: object) -> Piece:
    """What an event of a stream says; it may say nothing, as the one that counts tokens does."""
    if not isinstance(event, dict):
        raise UpstreamError("it sent an event that is no object")
    choices = event.get("choices")
    if event.get("error") or (not choices and words_of(event)):
        raise UpstreamError(words_of(event) or "it reported an error")
    return _piece(choices) if choices else Piece()


def read_whole(body: object) -> Piece:
    """An answer that came at once."""
    piece = read_event(body)
    if not (isinstance(body, dict) and body.get("choices")):
        raise UpstreamError("it answered with JSON that is no chat completion")
    return piece._replace(ended=True)


def _piece(choices: object) -> Piece:
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise UpstreamError("it sent an event whose choices are no list of objects")
    said = choice.get("delta") or choice.get("message") or {}
    finish = choice.get("finish_reason")
    # CloudBase's OpenAI protocol says that an answer goes on.
    ended = isinstance(finish, str) and finish not in ("", "continue")
    text = _text(said.get("content") if isinstance(said, dict) else said)
    return Piece(text, finish if ended else None, ended)


def _text(content: object) -> str:
    parts = content if isinstance(content, list) else [content or ""]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise UpstreamError("it sent content that is no text")
    return "".join(map(str, texts))


def first_model(listed: object) -> str:
    """The id of the first model of a list."""
    models = listed.get("data") if isinstance(listed, dict) else listed
    first = models[0] if isinstance(models, list) and models else None
    name = first.get("id") if isinstance(first, dict) else first
    if not isinstance(name, str) or not name:
        raise UpstreamError("its /models lists none: name one with --upstream-model")
    return name


def words_of(error: object) -> str:
    """What an error says of itself, in any of the shapes that servers give it.

    Example:
        >>> words_of({"error": {"message": "No such model", "code": 404}})
        'No such model'
    """
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, dict):
        named: JsonObject = error
        told = (words_of(named.get(name)) for name in ("message", "detail", "msg", "error"))
        return next(filter(None, told), "")
    return error if isinstance(error, str) else ""
