"""A folder of documents as passages, found by BM25."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bm25s

HEADING_ALONE = re.compile(r"(#.*)?")


@dataclass(frozen=True)
class Passage:
    """A section of a document."""

    source: str
    title: str
    text: str

    @property
    def heading(self) -> str:
        """Its own heading, or its first line."""
        return self.text.splitlines()[0].lstrip("# ")


class Index:
    """The passages of every Markdown and text file under a folder.

    Args:
        folder: Where the documents are.

    Raises:
        ValueError: There is nothing to read in it.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".md", ".txt"))
        self.passages = [passage for path in files for passage in _passages(path, folder)]
        if not self.passages:
            raise ValueError(f"There is no .md or .txt file with text under {folder}.")
        self._bm25 = bm25s.BM25()
        self._bm25.index(
            _words([f"{p.title} {p.text}" for p in self.passages]), show_progress=False
        )

    def search(self, query: str, k: int = 4) -> list[tuple[Passage, float]]:
        """The best passages and their scores, best first."""
        k = min(k, len(self.passages))
        found, scores = self._bm25.retrieve(_words([query]), k=k, show_progress=False)
        pairs = zip(found[0], scores[0], strict=True)
        return [(self.passages[i], float(score)) for i, score in pairs if score > 0]


def _words(texts: list[str]) -> list[list[str]]:
    tokens: list[list[str]] = bm25s.tokenize(
        texts, stopwords="en", return_ids=False, show_progress=False
    )
    return tokens


def _passages(path: Path, folder: Path) -> list[Passage]:
    text = path.read_text(encoding="utf-8", errors="replace")
    source = path.relative_to(folder).as_posix()
    heading = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    title = heading[1].strip() if heading else path.stem
    parts = (part.strip() for part in re.split(r"^(?=#+\s)", text, flags=re.MULTILINE))
    return [Passage(source, title, part) for part in parts if not HEADING_ALONE.fullmatch(part)]
