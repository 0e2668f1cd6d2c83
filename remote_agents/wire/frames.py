"""What a frame is: a part of the answer, its end, a failure, or a sign of life. Pure.

The frames of one read are sorted together, and only those that are parts of the answer are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.wire.sse import DONE, Frame
from remote_agents.wire.unknown_frames import TYPE_KEYS, answer_in

# What a keep-alive says, as its data, as its type, or as the name of its event.
WORDS = frozenset({"ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat"})
CONTENT_KEYS = frozenset({"choices", "content", "conversationId", "results", "data", "recordList"})
FAILURE_TYPES = ("error", "RUN_ERROR")
# Where the services put a piece of their answer.
PIECE_KEYS = ("choices", "content", "delta")
# A frame that has none of these keys, nor one of these types, reports no failure.
FAILURE_KEYS = frozenset(
    {"error", "success", "code", "detail", "statusCode", "status", "errors"},
)


class ClassifiedFrames(NamedTuple):
    """Frames that came together, up to one behind which nothing is read.

    Attributes:
        answers: The values that are parts of the answer.
        keep_alives: How many frames said only that the connection stands.
        last: The end of the answer, a failure, or bytes that are no JSON; None if there is none.
    """

    answers: list[Any]
    keep_alives: int
    last: Frame | None


def classify(frames: Iterable[Frame], *, named: bool = False) -> ClassifiedFrames:
    """Classify frames by what they are.

    Args:
        frames: Frames that came together.
        named: Whether those that have a name are handed on with it.

    Example:
        >>> classify([(None, {"content": "Hi"}), ("ping", {}), (None, b"[DONE]"), (None, {})])
        ClassifiedFrames(answers=[{'content': 'Hi'}], keep_alives=1, last=(None, b'[DONE]'))
    """
    answers: list[Any] = []
    keep_alives = 0
    for frame in frames:
        name, value = frame
        if name == "error":
            return ClassifiedFrames(answers, keep_alives, frame)
        if name and is_keep_alive_word(name):
            keep_alives += 1
        elif named and name and is_told(value):
            answers.append({"event": name, "data": "" if value == b"" else value})
        elif type(value) is dict:
            if "choices" in value and "error" not in value:
                answers.append(value)
            elif reports_failure(value):
                return ClassifiedFrames(answers, keep_alives, frame)
            elif value.get("content") or not is_keep_alive(value):
                answers.append(value)
            else:
                keep_alives += 1
        elif is_end(value):
            return ClassifiedFrames(answers, keep_alives, frame)
        elif is_keep_alive(value):
            keep_alives += 1
        elif type(value) is bytes:
            return ClassifiedFrames(answers, keep_alives, frame)
        else:
            answers.append(value)
    return ClassifiedFrames(answers, keep_alives, None)


def data_of(frame: Any) -> Any:
    """What a frame says, without the name of its event."""
    named = type(frame) is dict and frame.keys() == {"event", "data"}
    return frame["data"] if named else frame


def is_told(value: object) -> bool:
    """Whether a frame is a part of the answer, if its name says what it is."""
    if type(value) is dict:
        return not reports_failure({"type": "", **value})  # the name is its type
    return value == b"" or (type(value) is not bytes and not is_end(value))


def is_end(value: object) -> bool:
    """Whether it says that nothing follows."""
    return value.strip() == DONE if type(value) is bytes else value == "[DONE]"


# --- failures ----------------------------------------------------------------------------------


def reports_failure(data: JsonObject) -> bool:
    """Whether a frame reports a failure, in whichever of the services' ways."""
    kind = data.get("type")
    if FAILURE_KEYS.isdisjoint(data):
        return kind in FAILURE_TYPES
    if kind is None:
        return bool(data.get("error")) or is_failure_body(data)
    return kind in FAILURE_TYPES or bool(data.get("error")) or data.get("object") == "error"


def piece_in(failure: JsonObject) -> JsonObject:
    """What a frame that reports a failure holds of the answer beside it; empty if that is nothing.

    Example:
        >>> piece_in({"content": "Nearly", "error": "overloaded"})
        {'content': 'Nearly'}
    """
    if not failure.get("error") or failure.get("type") in FAILURE_TYPES:
        return {}  # its words are about the failure
    if not answer_in({key: failure[key] for key in PIECE_KEYS if key in failure}):
        return {}
    return {key: value for key, value in failure.items() if key not in FAILURE_KEYS}


def is_failure_body(data: JsonObject) -> bool:
    """Whether an object is what a service sends in place of an answer."""
    if data.get("success") is False or data.get("type") in FAILURE_TYPES:
        return True
    if not CONTENT_KEYS.isdisjoint(data):
        return False
    code = data.get("code")
    failed = code is not None and code not in ("NORMAL", 0, "0", "")
    return failed or "detail" in data or stated_status(data) > 0 or _says_failed(data)


def _says_failed(data: JsonObject) -> bool:
    """Whether `status` or `errors` say so, in what is no thing with a status of its own."""
    status = data.get("status")
    if isinstance(status, str) and status.lower() in ("error", "failed", "failure"):
        return "id" not in data
    return isinstance(data.get("errors"), list) and bool(data["errors"])


def stated_status(data: JsonMapping) -> int:
    """The status that NestJS repeats in its bodies, if it is one of a failure."""
    status = data.get("statusCode")
    return status if isinstance(status, int) and 400 <= status < 600 else 0


# --- keep-alives -------------------------------------------------------------------------------


def is_keep_alive(value: object) -> bool:
    """Whether a value says only that the connection stands."""
    if isinstance(value, dict):
        return not value or (_names_keep_alive(value) and not answer_in(value))
    if isinstance(value, (str, bytes)):
        return is_keep_alive_word(value)
    return not isinstance(value, list) or not value


def _names_keep_alive(value: JsonObject) -> bool:
    words = [value.get(key) for key in TYPE_KEYS]
    if len(value) == 1:
        words.extend(value)
    return any(isinstance(word, str) and word.lower() in WORDS for word in words if word)


def is_keep_alive_word(value: str | bytes) -> bool:
    """Whether a name or a text says only that the connection stands, in any case or quotes."""
    return _is_word(value) if len(value) < 40 else not value.strip()


@lru_cache(maxsize=256)  # an event has a name, and mostly the same one
def _is_word(value: str | bytes) -> bool:
    word = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    word = word.strip(" \t\r\n\"'`").lower()
    return not word or word in WORDS
