"""What a service says of an answer besides the answer: `created`, `version`, `object`, ..."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from remote_agents.json_types import JsonObject
from remote_agents.wire.parsing import mended

MOST_FIELDS = 32
LONGEST_TEXT = 256
MOST_SHAPES = 64

# Fields of the services' dialects that the reply has words of its own for.
HAS_A_WORD = frozenset(
    {"content", "text", "delta", "message", "reasoning_content", "answer", "data", "code"}
    | {"id", "record_id", "messageId", "model", "finish_reason", "done", "type", "role", "name"}
    | {"conversationId", "conversation_id", "conversation", "session_id", "threadId", "requestId"}
)
# Of AG-UI's events these two speak of the whole run; the others are parts of it.
OF_THE_RUN = ("RUN_STARTED", "RUN_FINISHED")


class RawFields:
    """Collects the fields of an answer's frames that nothing else reads, each by its first value.

    Only plain values are kept, and only so many: no dialogue, no hidden state, no flood.

    Args:
        into: Where they are put.

    Example:
        >>> fields = RawFields({})
        >>> fields.take([{"object": "chat.completion", "created": 1713000000, "choices": []}])
        >>> fields.into
        {'object': 'chat.completion', 'created': 1713000000}
    """

    def __init__(self, into: JsonObject) -> None:
        self.into = into
        # Of frames that were read: the fields that had no value yet, by the names of all.
        self._unset: dict[tuple[str, ...], tuple[str, ...]] = {}

    def take(self, frames: Iterable[Any]) -> None:
        """Take what some frames add; most frames of a stream have nothing new to say."""
        for frame in frames:
            if type(frame) is dict:
                shape = tuple(frame)
                names = self._unset.get(shape)
                if names is None:
                    self._read(frame, shape, shape)
                elif names and any(frame[name] is not None for name in names):
                    self._read(frame, shape, names)

    def _read(self, frame: JsonObject, shape: tuple[str, ...], names: tuple[str, ...]) -> None:
        kept = [name for name in names if name not in HAS_A_WORD] if _is_of_the_run(frame) else []
        for name in kept:
            if _is_kept(frame[name]) and len(name) <= LONGEST_TEXT and len(self.into) < MOST_FIELDS:
                self.into.setdefault(mended(name), mended(frame[name]))
        if len(self._unset) < MOST_SHAPES or shape in self._unset:
            self._unset[shape] = tuple(name for name in kept if frame[name] is None)


def _is_of_the_run(frame: JsonObject) -> bool:
    kind = frame.get("type")
    return not (isinstance(kind, str) and kind.isupper()) or kind in OF_THE_RUN


def _is_kept(value: object) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= LONGEST_TEXT
    return isinstance(value, (bool, int, float))
