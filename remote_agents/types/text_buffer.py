"""A text that comes in many short pieces."""

from __future__ import annotations

ENOUGH = 64


class TextBuffer(list[str]):
    """The pieces of a text, of which `"".join` makes the text.

    A string of five letters takes ten times as much as its letters, so the pieces are joined now
    and then: seldom enough that a long text is not copied for each few of them.

    Example:
        >>> pieces = TextBuffer(["25 "])
        >>> pieces.write("days")
        >>> "".join(pieces)
        '25 days'
    """

    __slots__ = ()

    def write(self, piece: str) -> None:
        """Add a piece."""
        self.append(piece)
        self.tidy()

    def tidy(self) -> None:
        """Join the pieces, if there are many: for whoever appends several without `write`."""
        if len(self) > ENOUGH and len(self) > len(self[0]) // ENOUGH:
            self[:] = ["".join(self)]  # at once: another thread may read it
