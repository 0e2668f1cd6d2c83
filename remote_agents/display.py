"""Replies and streams in a notebook. Whatever an agent writes, its HTML and scripts do nothing.

Two forms of the same: `text/html`, rendered here by markdown-it when it is installed, and
`text/markdown`, as it was written, in a fence in which no renderer finds anything. Neither loads an
image: an address that an agent makes up can carry what it knows to another host.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterable, Awaitable, Iterable, Iterator, Mapping
from contextlib import aclosing, closing, nullcontext
from typing import Any, TypeAlias, overload

from remote_agents.json_types import JsonMapping
from remote_agents.types import (
    Citation,
    Event,
    File,
    Finish,
    ReasoningDelta,
    Reply,
    TextDelta,
)
from remote_agents.types.citations import names_of
from remote_agents.types.files import listed
from remote_agents.types.sanitizing import sanitized, sanitized_line

REDRAW_SECONDS = 0.05
Piece: TypeAlias = TextDelta | ReasoningDelta | Citation | File


@overload
def display_stream(stream: AsyncIterable[Any]) -> Awaitable[Any]: ...


@overload
def display_stream(stream: object) -> Any: ...


def display_stream(stream: Any) -> Any:
    """Show an answer as it grows: the reasoning folded, the text as Markdown, the sources listed.

    In a notebook it redraws at most 20 times a second; elsewhere it prints the text. The files
    that an answer brings are listed below its sources.

    Args:
        stream: The events of a plain client, the chunks of a LangChain model or chain, the
            responses of a LlamaIndex LLM, or the streaming response of a LlamaIndex chat or query
            engine; sync, or async and then to be awaited. A whole answer (a `Reply`, a message, a
            response of an LLM or of an engine) is shown at once.

    Returns:
        What the call without streaming gives: a `Reply`, a LangChain message (or text), or the
        last LlamaIndex response; of an engine the response itself; None for an empty stream.

    Raises:
        AgentError: As the stream does; what had arrived stays on the screen.

    Example:
        >>> text = display_stream(["25 ", "days"])
        25 days
    """
    response = stream if _is_unread(stream) else None
    if response is None and _is_whole(stream):
        with _View() as view:
            view.add(stream, _whole_parts(stream))
        return stream
    items: Any = stream if response is None else _tokens_of(response)
    if hasattr(items, "__aiter__"):
        return _display_async(items, response)
    view = _View()
    with closing(items) if hasattr(items, "close") else nullcontext(), view:
        for item in items:
            view.add(item)
        view.end_with(response)
    return view.result


async def _display_async(items: Any, response: object) -> Any:
    view = _View()
    async with aclosing(items) if hasattr(items, "aclose") else nullcontext():
        with view:
            async for item in items:
                view.add(item)
            view.end_with(response)
    return view.result


class _View:
    """What has arrived, and where it is drawn."""

    def __init__(self) -> None:
        self._shown = Reply("", "")
        self._items: list[Any] = []
        self._screen = _screen()

    def __enter__(self) -> _View:
        return self

    def __exit__(self, *exc: object) -> None:
        self._screen.finish(self)

    def add(self, item: object, parts: Iterable[Piece] | None = None) -> None:
        self._items.append(item)
        for part in _parts(item) if parts is None else parts:
            self._shown.add(part)
            if isinstance(part, (TextDelta, ReasoningDelta)):
                self._screen.grow(self, part)

    def end_with(self, response: object) -> None:
        if response is not None:
            self.add(response, _behind(response))

    @property
    def result(self) -> Any:
        if not self._items:
            return None
        first, *rest = self._items
        last = rest[-1] if rest else first
        if isinstance(last, Finish):
            return last.reply
        if isinstance(last, str):
            return self._shown.text
        # A LangChain chunk takes a list of later chunks at once; one by one would be quadratic.
        return first + rest if rest and hasattr(first, "content_blocks") else last

    def listed(self) -> list[str]:
        sources = enumerate(names_of(self._shown.citations), 1)
        names = [f"[{n}] {sanitized_line(name)}" for n, (name, _) in sources]
        return names + listed(self._shown.files)

    def bundle(self) -> dict[str, str]:
        return {
            "text/plain": "\n".join([self._shown.text, *self.listed()]),
            "text/markdown": self._shown._repr_markdown_(),
            "text/html": self._shown._repr_html_(),
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
    """Plain output: the text as it comes, then the sources and the files."""

    def grow(self, view: _View, part: TextDelta | ReasoningDelta) -> None:
        if isinstance(part, TextDelta):
            print(sanitized(part.text), end="", flush=True)

    def finish(self, view: _View) -> None:
        print(*["", *view.listed()], sep="\n")


def _screen() -> _Notebook | _Terminal:
    # A shell can only be running if something has imported IPython.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return _Terminal()
    from IPython.display import display

    return _Notebook(display)


# --- what a stream yields ----------------------------------------------------------------------


def _parts(item: object) -> Iterator[Piece]:
    """The text, reasoning, citations and files in one item of any stream, told by its shape."""
    if isinstance(item, (TextDelta, ReasoningDelta, Citation, File)):
        yield item
    elif isinstance(item, str):
        yield TextDelta(item)
    elif isinstance(item, Finish):
        yield from item.reply.files
    elif hasattr(item, "content_blocks"):
        yield from _langchain_parts(item)
    elif hasattr(item, "delta"):
        yield from _llamaindex_parts(item)
    elif not isinstance(item, Event):
        raise TypeError(f"This is no answer of an agent: the stream has a {type(item).__name__}.")


def _langchain_parts(message: Any) -> Iterator[Piece]:
    for block in message.content_blocks:
        if block["type"] == "reasoning" and block.get("reasoning"):
            yield ReasoningDelta(block["reasoning"])
        elif block["type"] == "text":
            if block.get("text"):
                yield TextDelta(block["text"])
            yield from map(_citation, block.get("annotations", ()))
    yield from _files(message.additional_kwargs)


def _llamaindex_parts(response: Any) -> Iterator[Piece]:
    if thought := response.additional_kwargs.get("thinking_delta"):
        yield ReasoningDelta(thought)
    if response.delta:
        yield TextDelta(response.delta)
    known = getattr(response, "message", response).additional_kwargs
    yield from map(_citation, _told(known, "citations"))
    yield from _files(known)


# --- whole answers -----------------------------------------------------------------------------


def _is_whole(answer: object) -> bool:
    kinds = ("content_blocks", "source_nodes", "message", "additional_kwargs")
    return isinstance(answer, (str, Reply)) or any(hasattr(answer, kind) for kind in kinds)


def _whole_parts(answer: object) -> Iterator[Piece]:
    """The text, reasoning, citations and files of a whole answer."""
    if isinstance(answer, Reply):
        return _reply_parts(answer)
    if hasattr(answer, "source_nodes"):
        return _engine_parts(answer)
    whole = isinstance(answer, str) or hasattr(answer, "content_blocks")
    return _parts(answer) if whole else _response_parts(answer)


def _reply_parts(reply: Reply) -> Iterator[Piece]:
    if reply.reasoning:
        yield ReasoningDelta(reply.reasoning)
    yield TextDelta(reply.text)
    yield from reply.citations
    yield from reply.files


def _response_parts(response: Any) -> Iterator[Piece]:
    """What a response of a LlamaIndex LLM says, or its message alone."""
    message = getattr(response, "message", response)  # a completion has none
    yield from _reasoning(message.additional_kwargs)
    yield TextDelta((message.content if hasattr(message, "content") else message.text) or "")
    yield from map(_citation, _told(message.additional_kwargs, "citations"))
    yield from _files(message.additional_kwargs)


def _engine_parts(response: Any) -> Iterator[Piece]:
    yield TextDelta(str(response))
    yield from _behind(response)


# --- the engines of LlamaIndex, whose response holds its stream ----------------------------------


def _is_unread(answer: object) -> bool:
    """Whether it is the response of an engine that streams, and is still to be read."""
    fields = getattr(answer, "__dict__", {})  # a PydanticResponse has any attribute
    if "response_txt" in fields:
        return _is_async(answer) or fields["response_txt"] is None
    return any(fields.get(name) is not None for name in ("chat_stream", "achat_stream"))


def _is_async(response: Any) -> bool:
    """Whether an engine's streaming response is awaited: a chat engine's has both ways to read."""
    if hasattr(response, "achat_stream"):
        return response.achat_stream is not None
    return hasattr(response, "async_response_gen")


def _tokens_of(response: Any) -> Any:
    """Its text as it comes, sync or async."""
    return response.async_response_gen() if _is_async(response) else _tokens(response)


def _tokens(response: Any) -> Iterator[str]:
    tokens, said = response.response_gen, ""
    with closing(tokens) if hasattr(tokens, "close") else nullcontext():
        for token in tokens:
            said += token
            yield token
    # As its own `print_response_stream` does, for whoever has `str(response)` afterwards.
    if getattr(response, "response_txt", "") is None:
        response.response_txt = said


def _behind(response: Any) -> Iterator[Piece]:
    """What stands behind an engine's text."""
    known = getattr(response, "metadata", None) or {}
    yield from _reasoning(known)
    for each in response.source_nodes:
        about = each.node.metadata
        yield Citation(about.get("title"), about.get("url"), each.node.get_content())
    yield from _files(known)


# --- what a framework's answer knows beside its text ---------------------------------------------


def _told(known: JsonMapping, name: str) -> list[JsonMapping]:
    """A list of mappings, where what is of that name is one: others have the same words."""
    listed = known.get(name)
    listed = listed if isinstance(listed, list) else []
    return [each for each in listed if isinstance(each, Mapping)]


def _reasoning(known: JsonMapping) -> Iterator[ReasoningDelta]:
    if isinstance(thought := known.get("reasoning"), str):
        yield ReasoningDelta(thought)


def _files(known: JsonMapping) -> Iterator[File]:
    for file in _told(known, "files"):
        content = str(file.get("data", "")).encode()  # which tells files without a name apart
        url, known_id, name = file.get("url"), file.get("id"), file.get("filename")
        yield File(file.get("kind", "file"), url, known_id, name, data=content or None)


def _citation(data: JsonMapping) -> Citation:
    return Citation(
        title=data.get("title"), url=data.get("url"), text=data.get("cited_text", data.get("text"))
    )
