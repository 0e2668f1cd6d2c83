"""An answer as it grows: as it is written, or with words wrapped and Markdown drawn."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from remote_agents.types.sanitizing import sanitized

REDRAWS = 12  # a second


class AnswerView(Protocol):
    """Where an answer grows."""

    def add(self, kind: str, text: str) -> None:
        """Show the next piece of a kind, `text` or `reasoning`."""

    def close(self) -> None:
        """Show what is still held back, and end the line."""


def answer_view(console: Console, beside: Console) -> AnswerView:
    """Where an answer grows; reasoning goes to `beside`."""
    drawn = console is beside and console.is_terminal and not console.is_dumb_terminal
    return MarkdownView(console) if drawn else PlainView(console, beside)


class PlainView:
    """The text as it is, for whoever reads the output."""

    def __init__(self, console: Console, beside: Console) -> None:
        self._consoles = {"text": console, "reasoning": beside}
        self._kind = ""

    def add(self, kind: str, text: str) -> None:
        """Write the next piece."""
        if self._kind not in ("", kind):
            self._consoles["reasoning"].print("\n")
        self._kind = kind
        self._consoles[kind].print(Text(sanitized(text), _style(kind)), end="", soft_wrap=True)

    def close(self) -> None:
        """End the line."""
        self._consoles["text"].print()


class MarkdownView:
    """Markdown on a terminal: the block that grows is drawn again and again, a whole one stays."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._kind = ""
        self._text = ""
        self._begun = False
        self._live: Live | None = None
        # Rich's own thread could move the cursor between what `print` works out and what it writes.
        self._lock = threading.Lock()
        self._over = threading.Event()
        threading.Thread(target=self._redraw_until_over, daemon=True).start()

    def add(self, kind: str, text: str) -> None:
        """Take the next piece, which is drawn before long."""
        with self._lock:
            if kind != self._kind:
                self._settle()
                self._kind = kind
            self._text += sanitized(text)
            if self._live is None:
                self._live = self._live_view()

    def close(self) -> None:
        """Draw the last block for good."""
        self._over.set()
        with self._lock:
            self._settle()

    def redraw(self) -> None:
        """Draw what has come."""
        with self._lock:
            if self._live is not None:
                self._keep_whole_blocks()
                self._live.refresh()

    def _redraw_until_over(self) -> None:
        while not self._over.wait(1 / REDRAWS):
            self.redraw()

    def _live_view(self) -> Live:
        if self._begun:
            self._console.print()
        live = Live(
            console=self._console,
            get_renderable=lambda: _Inert(_drawn(self._kind, self._text), self._rows()),
            auto_refresh=False,
            transient=True,
        )
        live.start()
        return live

    def _rows(self) -> int:
        return max(self._console.size.height - 2, 1)

    def _keep_whole_blocks(self) -> None:
        end = _last_block(self._text)
        if end:
            whole, self._text = self._text[:end], self._text[end:]
            self._print(whole)
            self._console.print()

    def _settle(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._text.strip():
            self._print(self._text)
        self._text = ""

    def _print(self, text: str) -> None:
        self._begun = True
        self._console.print(_Inert(_drawn(self._kind, text)))


def _style(kind: str) -> str:
    return "dim" if kind == "reasoning" else ""


def _drawn(kind: str, text: str) -> RenderableType:
    """Text as Markdown, its line breaks kept; an address is shown, never hidden behind words."""
    markdown = Markdown(text, hyperlinks=False, style=_style(kind))
    for block in markdown.parsed:
        for part in block.children or ():
            if part.type == "softbreak":
                part.type = "hardbreak"
    return markdown


def _last_block(text: str) -> int:
    """Where the last block of a Markdown text begins: what stands before it is whole."""
    starts = [token.map[0] for token in Markdown(text).parsed if token.level == 0 and token.map]
    return sum(map(len, text.splitlines(keepends=True)[: starts[-1]])) if starts else 0


class _Inert:
    """What is drawn, without what steers a terminal; the last `rows` of its lines, or all."""

    def __init__(self, drawn: RenderableType, rows: int = 0) -> None:
        self._drawn = drawn
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines: Sequence[Sequence[Segment]] = console.render_lines(self._drawn, options, pad=False)
        for line in lines[-self._rows :]:
            yield from (Segment(sanitized(part.text), part.style) for part in line)
            yield Segment.line()
