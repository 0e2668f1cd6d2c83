"""Letters that a service cut in half: the two halves of a surrogate pair, in two frames.

Services that run on JavaScript cut texts between UTF-16 units, and so in the middle of an emoji.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from remote_agents.types import Alternative, Event, ReasoningDelta, TextDelta, ToolCallDelta
from remote_agents.wire.parsing import mended

REPLACEMENT = "\ufffd"


class SurrogateJoiner:
    r"""Holds the first half of a letter back until the second one is there.

    Example:
        >>> halves = SurrogateJoiner()
        >>> halves.join([TextDelta("Enjoy \ud83c")]), halves.join([TextDelta("\udfd6 it")])
        ([TextDelta(text='Enjoy ')], [TextDelta(text='🏖 it')])
    """

    def __init__(self) -> None:
        self._held: dict[Any, str] = {}

    def join(self, events: Iterable[Event]) -> list[Event]:
        """The events with whole letters only."""
        return [whole for event in events if (whole := self._whole(event)) is not None]

    def rest(self) -> str:
        """What stands for half a letter at the end of the text, now that nothing follows."""
        return REPLACEMENT if self._held.pop(TextDelta, "") else ""

    def _whole(self, event: Event) -> Event | None:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            event.text = self._letters(type(event), event.text)
            return event if event.text else None
        if isinstance(event, Alternative):
            event.text = self._letters(event.index, event.text)
        elif isinstance(event, ToolCallDelta):
            event.id = mended(event.id)
            event.name = mended(event.name)
            event.arguments = self._letters(event.id, event.arguments)
        else:
            for name in event.__slots__:
                setattr(event, name, mended(getattr(event, name)))
        return event

    def _letters(self, of: object, text: str) -> str:
        text = self._held.pop(of, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[of] = text[-1]
            text = text[:-1]
        whole: str = mended(text)
        return whole
