"""Replies and streams in a notebook. Whatever an agent writes, its HTML and scripts do nothing.

Two forms of the same: `text/html`, rendered here by markdown-it when it is installed, and
`text/markdown`, as it was written, in a fence in which no renderer finds anything. Neither loads an
image: an address that an agent makes up can carry what it knows to another host.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterable, Awaitable, Iterable, Iterator, Sequence
from contextlib import aclosing, closing, nullcontext
from typing import Any, TypeAlias, overload

from remote_agents.json_types import JsonMapping
from remote_agents.types import (
    Citation,
    Citations,
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    TextDelta,
)
from remote_agents.types.citations import names_of
from remote_agents.types.rendering import fenced, render
from remote_agents.types.sanitizing import sanitized, sanitized_line

REDRAW_SECONDS = 0.05
Piece: TypeAlias = TextDelta | ReasoningDelta | Citation


@overload
def display_stream(stream: AsyncIterable[Any]) -> Awaitable[Any]: ...


@overload
def display_stream(stream: Iterable[Any]) -> Any: ...


def display_stream(stream: Any) -> Any:
    """Show an answer as it grows: the reasoning folded, the text as Markdown, the sources listed.

    In a notebook it redraws at most 20 times a second; elsewhere it prints the text.

    Args:
        stream: The events of a plain client, the chunks of a LangChain model or chain, or the
            responses of a LlamaIndex LLM; sync, or async and then to be awaited. A whole answer
            (a `Reply`, a message, a response of an LLM or of a query engine) is shown at once.

    Returns:
        What the call without streaming gives: a `Reply`, a LangChain message (or text), or the
        last LlamaIndex response; None for an empty stream.

    Raises:
        AgentError: As the stream does; what had arrived stays on the screen.

    Example:
        >>> text = display_stream(["25 ", "days"])
        25 days
    """
    if _is_whole(stream):
        with _View() as view:
            view.add(stream, _whole_parts(stream))
        return stream
    if hasattr(stream, "__aiter__"):
        return _display_async(stream)
    view = _View()
    with closing(stream) if hasattr(stream, "close") else nullcontext(), view:
        for item in stream:
            view.add(item)
    return view.result


def _is_whole(answer: object) -> bool:
    kinds = ("content_blocks", "source_nodes", "message")
    return isinstance(answer, (str, Reply)) or any(hasattr(answer, kind) for kind in kinds)


async def _display_async(stream: Any) -> Any:
    view = _View()
    async with aclosing(stream) if hasattr(stream, "aclose") else nullcontext():
        with view:
            async for item in stream:
                view.add(item)
    return view.result


class _View:
    """What has arrived, and where it is drawn."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._citations = Citations()
        self._items: list[Any] = []
        self._screen = _screen()

    def __enter__(self) -> _View:
        return self

    def __exit__(self, *exc: object) -> None:
        self._screen.finish(self)

    def add(self, item: object, parts: Iterable[Piece] | None = None) -> None:
        self._items.append(item)
        for part in _parts(item) if parts is None else parts:
            if isinstance(part, Citation):
                self._citations.add(part)
            else:
                (self._reasoning if isinstance(part, ReasoningDelta) else self._text).append(
                    part.text
                )
                self._screen.grow(self, part)

    @property
    def result(self) -> Any:
        if not self._items:
            return None
        first, *rest = self._items
        last = rest[-1] if rest else first
        if isinstance(last, Finish):
            return last.reply
        if isinstance(first, str):
            return "".join(self._text)
        # A LangChain chunk takes a list of later chunks at once; one by one would be quadratic.
        return first + rest if rest and hasattr(first, "content_blocks") else last

    def bundle(self) -> dict[str, str]:
        text, found = "".join(self._text), self._citations.found
        return {
            "text/plain": "\n".join([text, *_listed(found)]),
            "text/markdown": fenced(text, "".join(self._reasoning), names_of(found)),
            "text/html": render(text, "".join(self._reasoning), names_of(found)),
        }


class _Notebook:
    """One output of a notebook, drawn again as it grows."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._next = 0.0

    def grow(self, view: _View, part: TextDelta | ReasoningDelta) -> None:
        if time.monotonic() >= self._next:
            self.finish(view)

    def finish(self, view: _View) -> None:
        begun = time.monotonic()
        bundle = view.bundle()
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
        # A long answer takes longer to draw: most of the time stays the stream's.
        self._next = begun + max(REDRAW_SECONDS, 5 * (time.monotonic() - begun))


class _Terminal:
    """Plain output: the text as it comes, then the sources."""

    def grow(self, view: _View, part: TextDelta | ReasoningDelta) -> None:
        if isinstance(part, TextDelta):
            print(sanitized(part.text), end="", flush=True)

    def finish(self, view: _View) -> None:
        print(*["", *_listed(view._citations.found)], sep="\n")


def _screen() -> _Notebook | _Terminal:
    # A shell can only be running if something has imported IPython.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return _Terminal()
    from IPython.display import display

    return _Notebook(display)


def _listed(citations: Sequence[Citation]) -> list[str]:
    return [f"[{n}] {sanitized_line(name)}" for n, (name, _) in enumerate(names_of(citations), 1)]


# --- what a stream yields ----------------------------------------------------------------------


def _parts(item: object) -> Iterator[Piece]:
    """The text, reasoning and citations in one item of any stream, told by its shape."""
    if isinstance(item, (TextDelta, ReasoningDelta, Citation)):
        yield item
    elif isinstance(item, str):
        yield TextDelta(item)
    elif hasattr(item, "content_blocks"):
        yield from _langchain_parts(item.content_blocks)
    elif hasattr(item, "delta"):
        yield from _llamaindex_parts(item)
    elif not isinstance(item, Event):
        raise TypeError(f"This is no answer of an agent: the stream has a {type(item).__name__}.")


def _langchain_parts(
    blocks: Iterable[JsonMapping],
) -> Iterator[Piece]:
    for block in blocks:
        if block["type"] == "reasoning" and block.get("reasoning"):
            yield ReasoningDelta(block["reasoning"])
        elif block["type"] == "text":
            if block.get("text"):
                yield TextDelta(block["text"])
            yield from map(_citation, block.get("annotations", ()))


def _llamaindex_parts(response: Any) -> Iterator[Piece]:
    if thought := response.additional_kwargs.get("thinking_delta"):
        yield ReasoningDelta(thought)
    if response.delta:
        yield TextDelta(response.delta)
    extras = response.message.additional_kwargs if hasattr(response, "message") else {}
    yield from map(_citation, extras.get("citations", ()))


def _whole_parts(answer: object) -> Iterator[Piece]:
    """The same of a whole answer."""
    if isinstance(answer, Reply):
        return _reply_parts(answer)
    if hasattr(answer, "source_nodes"):
        return _engine_parts(answer)
    return _message_parts(answer) if hasattr(answer, "message") else _parts(answer)


def _message_parts(response: Any) -> Iterator[Piece]:
    yield TextDelta(response.message.content or "")
    yield from map(_citation, response.message.additional_kwargs.get("citations", ()))


def _reply_parts(reply: Reply) -> Iterator[Piece]:
    if reply.reasoning:
        yield ReasoningDelta(reply.reasoning)
    yield TextDelta(reply.text)
    yield from reply.citations


def _engine_parts(response: Any) -> Iterator[Piece]:
    yield TextDelta(str(response))
    for each in response.source_nodes:
        known = each.node.metadata
        yield Citation(known.get("title"), known.get("url"), each.node.get_content())


def _citation(data: JsonMapping) -> Citation:
    return Citation(
        title=data.get("title"), url=data.get("url"), text=data.get("cited_text", data.get("text"))
    )


# --- drawing -----------------------------------------------------------------------------------
