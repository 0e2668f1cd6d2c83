"""A dialogue in a framework's messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from remote_agents.types.messages import Message


class History(Sequence[Message]):
    """A framework's messages, which become ours when they are looked at.

    A turn that continues a long conversation sends its last message and looks at the others once:
    they are not held a second time.

    Args:
        originals: The framework's messages.
        convert: Gives one message of ours for each of theirs.

    Example:
        >>> history = History(["Hi"], lambda texts: (Message("user", text) for text in texts))
        >>> history[0].content, len(history)
        ('Hi', 1)
    """

    def __init__(
        self, originals: Iterable[Any], convert: Callable[[Iterable[Any]], Iterator[Message]]
    ) -> None:
        self._originals = list(originals)  # the caller's list may change while the turn waits
        self._convert = convert

    def __len__(self) -> int:
        return len(self._originals)

    def __iter__(self) -> Iterator[Message]:
        return self._convert(self._originals)

    def __reversed__(self) -> Iterator[Message]:
        return self._convert(reversed(self._originals))

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        if isinstance(index, slice):
            return list(self._convert(self._originals[index]))
        return next(self._convert([self._originals[index]]))


def said_beside_text(known: Mapping[str, object]) -> list[str]:
    """What OpenAI's models say in a reply without a text: a refusal, the words of an audio answer.

    Args:
        known: What the framework keeps beside the text.

    Example:
        >>> said_beside_text({"refusal": "I cannot help with that."})
        ['I cannot help with that.']
    """
    audio = known.get("audio")
    words = audio.get("transcript") if isinstance(audio, Mapping) else None
    return [said for said in (known.get("refusal"), words) if isinstance(said, str) and said]
