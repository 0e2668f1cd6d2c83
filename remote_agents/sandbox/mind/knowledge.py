"""A folder of documents, cut into sections and searched with BM25."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import bm25s

from remote_agents.sandbox.mind.reading import Sentence, sentences
from remote_agents.sandbox.mind.words import terms

HANDBOOK = Path(__file__).parent.parent / "handbook"


class Section(NamedTuple):
    """One section of a document; `title` is the document's, `heading` its own."""

    id: str
    filename: str
    title: str
    heading: str
    text: str

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """What it says, sentence by sentence."""
        above = f"{self.title} {self.heading}"
        return tuple(part._replace(heading=above) for part in sentences(self.text))


class Hit(NamedTuple):
    """A section that was found, with its score from 0 to 1."""

    section: Section
    score: float


class Knowledge:
    """The searchable sections of every Markdown and text file under a folder."""

    def __init__(self, folder: Path = HANDBOOK) -> None:
        self.name = folder.resolve().name
        texts = (p for p in folder.rglob("*") if p.suffix.lower() in (".md", ".txt"))
        files = sorted(p for p in texts if p.is_file())
        self.documents = {
            path.relative_to(folder).as_posix(): path.read_text("utf-8-sig", "replace")
            for path in files
        }
        self.sections = [s for name, text in self.documents.items() for s in _sections(name, text)]
        bags = [terms(f"{s.title} {s.heading} {s.text}") for s in self.sections]
        self._frequency = Counter(term for bag in bags for term in set(bag))
        self._index = bm25s.BM25()
        if any(bags):
            self._index.index([list(bag) for bag in bags], show_progress=False)
        parts = [(Hit(page, 1.0), part) for page in self.sections for part in page.sentences]
        # Each sentence as it can be said, with its label and without.
        self._home = sorted(
            (said, hit) for hit, part in parts for said in (part.text, f"{part.label}: {part.text}")
        )

    def search(self, query: Collection[str], limit: int = 5) -> list[Hit]:
        """The best sections for some terms."""
        scores = self._index.get_scores([*query]).tolist() if query and self._frequency else []
        found = sorted(zip(scores, self.sections, strict=False), key=lambda each: -each[0])[:limit]
        return [Hit(page, round(score / (score + 4.0), 4)) for score, page in found if score > 0]

    def weights(self, text: str) -> dict[str, float]:
        """How telling each term of a text is: rare terms weigh more."""
        size = len(self.sections) + 1
        return {term: math.log(1 + size / (1 + self._frequency[term])) for term in terms(text)}

    def home_of(self, said: str) -> Hit | None:
        """Where a sentence, whole or broken off, was copied from, with or without its citation."""
        begun = re.sub(r"\.? \(s?e?e?(?: [^)]*\)?\.?)?$", "", said)
        at = bisect_left(self._home, begun, key=itemgetter(0))
        near = self._home[at : at + 1] if begun else []
        return next((hit for text, hit in near if text.startswith(begun)), None)


def _sections(filename: str, text: str) -> list[Section]:
    found = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    title = found[1].strip() if found else Path(filename).stem.replace("-", " ").title()
    parts = re.split(r"^#{1,6}\s+(.+)$", f"# {title}\n{text}", flags=re.MULTILINE)
    _, *parts = map(str.strip, parts)
    named = enumerate(pair for pair in zip(parts[::2], parts[1::2], strict=True) if pair[1])
    return [Section(f"{filename}#{n}", filename, title, *section) for n, section in named]
