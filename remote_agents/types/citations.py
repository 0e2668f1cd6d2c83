"""The sources of an answer: each once, and a passage together with the file that it is from.

Nothing here knows a service, a framework or a socket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from remote_agents.json_types import JsonObject


@dataclass(slots=True)
class Citation:
    """A source that the agent names.

    Args:
        title: Title or file name.
        url: Link.
        text: The passage itself.
        id: The service's id of the document or passage.
        score: Relevance as the service gives it.
        marker: The mark that stands for it in the text, for example `[1]`.
        extra: What else the service said.
    """

    title: str | None = None
    url: str | None = None
    text: str | None = None
    id: str | None = None
    score: float | None = None
    marker: str | None = None
    extra: JsonObject = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a person is shown: the title, else the link, else how the passage begins."""
        return self.title or self.url or (self.text or "source")[:80]

    def to_dict(self) -> JsonObject:
        """The fields that are known, as plain JSON values."""
        known = {name: getattr(self, name) for name in _FIELDS}
        return {name: value for name, value in known.items() if value is not None} | (
            {"extra": self.extra} if self.extra else {}
        )


_FIELDS = ("title", "url", "text", "id", "score", "marker")


@dataclass(slots=True)
class Citations:
    """Collects the sources of one answer, in whatever order and however often they are named.

    A service may name the passages of an answer and, beside them, the files that these are from:
    the link of a file goes to its passages, and it stands alone only where it has none.

    Attributes:
        found: The sources, in the order in which they were first named.

    Example:
        >>> sources = Citations()
        >>> sources.add(Citation("plan.md", text="25 days"))
        >>> sources.add(Citation("plan.md", url="https://example.com/plan.md"))
        >>> [(each.text, each.url) for each in sources.found]
        [('25 days', 'https://example.com/plan.md')]
    """

    found: list[Citation] = field(default_factory=list)
    _known: dict[tuple[str | None, ...], Citation] = field(default_factory=dict)
    _files: dict[tuple[str, str | None], Citation] = field(default_factory=dict)
    # The file of a name; None if there are more.
    _named: dict[str, Citation | None] = field(default_factory=dict)
    # Places in `found` of files without a passage yet.
    _alone: dict[int, int] = field(default_factory=dict)
    # Names, and addresses, of passages.
    _linked: set[tuple[str, str | None]] = field(default_factory=set)
    # Passages of which no address is known.
    _unlinked: dict[str, list[Citation]] = field(default_factory=dict)

    def add(self, citation: Citation) -> None:
        """Take one more, unless it is there already."""
        known = self._known.setdefault(_key(citation), citation)
        if known is not citation:
            _complete(known, citation)
        elif citation.text and citation.title is not None:
            self._add_passage(citation, citation.title)
        elif citation.title is None or citation.marker is not None:
            self.found.append(citation)
        elif not self._has_passages(citation, citation.title):
            self._alone[id(citation)] = len(self.found)
            self.found.append(citation)

    def _add_passage(self, passage: Citation, title: str) -> None:
        file = self._file_of(passage, title)
        if file is not None:
            passage.url = passage.url or file.url
        if passage.url:
            self._linked |= {(title, passage.url), (title, None)}
        else:
            self._unlinked.setdefault(title, []).append(passage)
        place = self._alone.pop(id(file), None)
        if place is None:
            self.found.append(passage)
        else:
            self.found[place] = passage

    def _file_of(self, passage: Citation, title: str) -> Citation | None:
        """The file that a passage is from; two addresses are two files, whatever their name."""
        if passage.url is None:
            return self._named.get(title)
        return self._files.get((title, passage.url)) or self._files.get((title, None))

    def _has_passages(self, file: Citation, title: str) -> bool:
        """Whether passages of a file are known; they get its address."""
        self._files[title, file.url] = file
        self._named[title] = None if title in self._named else file
        if file.url is None:
            return title in self._unlinked or (title, None) in self._linked
        waiting = self._unlinked.pop(title, []) if self._named[title] else []
        for passage in waiting:
            passage.url = file.url
        if waiting:
            self._linked |= {(title, file.url), (title, None)}
        return (title, file.url) in self._linked


def _key(citation: Citation) -> tuple[str | None, ...]:
    """What makes it the same source: of a passage its text, of the rest where it is."""
    if citation.text:
        return ("passage", citation.title or citation.url, citation.text)
    return ("file", citation.title, citation.url or citation.id, citation.marker)


def _complete(known: Citation, again: Citation) -> None:
    for name in _FIELDS:
        if getattr(known, name) is None:
            setattr(known, name, getattr(again, name))
    for name, value in again.extra.items():
        known.extra.setdefault(name, value)


def by_document(citations: Iterable[Citation]) -> list[tuple[Citation, int]]:
    """Each document once, as people are shown it, with the number of its passages.

    Example:
        >>> first, second = Citation("a.md", text="One."), Citation("a.md", text="Two.")
        >>> [(source.name, passages) for source, passages in by_document([first, second])]
        [('a.md', 2)]
    """
    shown: dict[tuple[str | None, ...], tuple[Citation, int]] = {}
    for citation in citations:
        named = citation.title or citation.url
        key = (citation.title, citation.url) if named else (None, citation.text)
        first, passages = shown.get(key, (citation, 0))
        shown[key] = (first, passages + bool(citation.text))
    return list(shown.values())


def names_of(citations: Iterable[Citation]) -> list[tuple[str, str | None]]:
    """What each document is called, and its link; with the number of its passages, if several."""
    return [
        (f"{source.name} ({passages} passages)" if passages > 1 else source.name, source.url)
        for source, passages in by_document(citations)
    ]
