"""The turns that the sandbox was asked, which draw themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, SupportsIndex, overload

Row = dict[str, Any]
COLOURS = {"user": "#b2dfdb", "assistant": "#e1e5ea", "system": "#ffe0b2", "tool": "#d1c4e9"}
WIDTH, LEFT, LINE, LETTERS = 760, 170, 22, 80


class Turns(list[Row]):
    """Turns as a list; as a picture, a row for each, with the messages that were sent in it.

    Example:
        >>> asked = {"role": "user", "content": "Hi"}
        >>> Turns([{"conversation_id": "c1", "messages": [asked]}])._repr_svg_().count("<rect")
        1
    """

    @overload
    def __getitem__(self, place: SupportsIndex) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Turns: ...

    def __getitem__(self, place: SupportsIndex | slice) -> Row | Turns:
        """One turn, or some of them."""
        found: Any = super().__getitem__(place)
        return Turns(found) if isinstance(place, slice) else found

    def _repr_svg_(self) -> str:
        drawn, y = [], 8
        for number, turn in enumerate(self, 1):
            drawn.append(_text(4, y, f"turn {number}", weight="bold"))
            drawn.append(_text(4, y + 16, _short(turn.get("conversation_id") or "not kept", 22)))
            drawn += [_box(y + LINE * n, each) for n, each in enumerate(turn["messages"])]
            y += max(LINE * len(turn["messages"]), 36) + 8
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'font-family="sans-serif" font-size="12">{"".join(drawn)}</svg>'
        )


def _box(y: int, message: Row) -> str:
    said = f"{message['role']}: {_words(message.get('content'))}"
    colour = COLOURS.get(message["role"], COLOURS["tool"])
    size = f'x="{LEFT}" y="{y}" width="{WIDTH - LEFT}" height="{LINE - 3}" rx="4"'
    return f'<rect {size} fill="{colour}"/>' + _text(
        LEFT + 6, y, _short(said, LETTERS), fill="#222"
    )


def _text(x: int, y: int, text: str, weight: str = "normal", fill: str = "#667") -> str:
    return f'<text x="{x}" y="{y + 14}" font-weight="{weight}" fill="{fill}">{escape(text)}</text>'


def _words(content: Any) -> str:
    """The words of a message, of whatever parts its service makes it."""
    if isinstance(content, Sequence) and not isinstance(content, str):
        return " ".join(_words(part.get("text") or part.get("type")) for part in content)
    return str(content or "")


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
