"""Stop sequences, where the service has none: the text is cut here."""

from __future__ import annotations


class StopCutter:
    """Cuts a text at that of some sequences which is whole first, in whatever pieces it arrives.

    Args:
        stop: The sequences, none of them empty.

    Example:
        >>> cutter = StopCutter(("END",))
        >>> cutter.take("the E"), cutter.take("ND of it"), cutter.found
        ('the ', '', True)
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = stop
        self._longest = max(map(len, self._stop), default=1)
        self.held = ""
        self.found = False

    def take(self, text: str) -> str:
        """What of the text so far can be shown for certain."""
        if self.found:
            return ""
        text = self.held + text
        ends = [(at + len(word), at) for word in self._stop if (at := text.find(word)) >= 0]
        if ends:
            self.found, self.held = True, ""
            return text[: min(ends)[1]]
        keep = self._possible_start(text)
        self.held = text[len(text) - keep :] if keep else ""
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, now that nothing follows."""
        rest, self.held = self.held, ""
        return rest

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of the text that may begin a sequence."""
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            if any(word.startswith(text[-size:]) for word in self._stop):
                return size
        return 0
