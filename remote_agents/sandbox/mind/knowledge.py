"""A folder of documents, cut into sections and searched with BM25."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import bm25s  # type: ignore[import-untyped]

T = TypeVar("T")
SHORT = 4_000
HANDBOOK = Path(__file__).parent.parent / "handbook"
COMMON = """
a about after all also am an and any are as at be been before being but by can could did do does
doing for from give given had has have having he her here him his how i if in into is it its
just know let like many may me might more most much must my need no not now of off on one only
or other our out over please say says shall she should so some such tell than thank thanks that
the their them then there these they this those to too under up us use very want was we were
what when where which while who whom whose why will with would you your
"""
STOPWORDS = frozenset(COMMON.split())
SYNONYMS = {
    "get": "receive",
    "got": "receive",
    "entitled": "receive",
    "staff": "employ",
    "worker": "employ",
    "colleague": "employ",
    "personnel": "employ",
    "holiday": "vacation",
    "pto": "vacation",
    "salary": "pay",
    "wage": "pay",
    "telework": "remote",
    "wfh": "remote",
    "laptop": "computer",
    "notebook": "computer",
    "mail": "message",
    "email": "message",
    "trip": "travel",
    "abroad": "foreign",
}
TOKEN = re.compile(r"[a-z0-9]+(?:[-'\u2019][a-z0-9]+)*")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“(*_])")
LEADING = re.compile(r"^\s*(?:[-*+>•]|\d+[.)])\s+")
MARKS = re.compile(r"\*\*|__|`|\[([^\]]*)\]\([^)]*\)")


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of a text for short texts: long ones would fill the memory."""
    cached = lru_cache(maxsize=16_384)(function)

    @wraps(function)
    def short_or_not(text: str) -> T:
        return cached(text) if len(text) < SHORT else function(text)

    return short_or_not


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order."""
    lowered = re.sub(r"\b(part|full) time\b", r"\1-time", text.lower())
    return tuple(_stem(word) for word in TOKEN.findall(lowered) if word not in STOPWORDS)


def topic_words(text: str) -> list[str]:
    """The content words of a text as they stand."""
    return [word for word in TOKEN.findall(text.lower()) if word not in STOPWORDS]


def _stem(word: str) -> str:
    word = _singular(word.removesuffix("'s").removesuffix("\u2019s"))
    word = SYNONYMS.get(word, word)
    for ending, instead in (("ied", "y"), ("ing", ""), ("ed", ""), ("ee", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending) + instead
    return word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3
    return word[:-1] if plural else word


@remembered
def sentences(text: str) -> tuple[tuple[str, str], ...]:
    """The sentences of a text, each with the heading that it stands under."""
    found: list[tuple[str, str]] = []
    heading = ""
    for block in _blocks(text):
        if block.startswith("#"):
            heading = block.lstrip("# ").strip()
        else:
            found += [
                (part, heading) for part in SENTENCE_END.split(block) if TOKEN.search(part.lower())
            ]
    return tuple(found)


def _blocks(text: str) -> list[str]:
    """Lines, joined where a paragraph was wrapped."""
    blocks: list[str] = []
    joinable = False
    for line in text.splitlines():
        clean = MARKS.sub(r"\1", LEADING.sub("", line)).strip()
        starts = not clean or clean.startswith(("#", "|")) or LEADING.match(line) is not None
        if joinable and not starts and not _is_whole(blocks[-1]):
            blocks[-1] += f" {clean}"
        elif clean:
            blocks.append(_row(clean))
        joinable = bool(clean) and not clean.startswith(("#", "|"))
    return blocks


def _is_whole(line: str) -> bool:
    return len(line) < 60 or line.endswith((".", "!", "?", ":"))


def _row(line: str) -> str:
    return (
        ": ".join(cell.strip() for cell in line.strip("|").split("|")) if line[0] == "|" else line
    )


@dataclass(frozen=True)
class Section:
    """One section of a document; `title` is the document's, `heading` its own."""

    id: str
    filename: str
    title: str
    heading: str
    text: str
    topics: frozenset[str] = field(compare=False)

    @property
    def path(self) -> str:
        """Where the server shows the document."""
        return f"/documents/{quote(self.filename)}"


@dataclass(frozen=True)
class Hit:
    """A section that was found, with its score from 0 to 1."""

    section: Section
    score: float


class Knowledge:
    """The searchable sections of every Markdown and text file under a folder."""

    def __init__(self, folder: Path = HANDBOOK) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".md", ".txt"))
        self.sections = [section for path in files for section in _sections(path, folder)]
        bags = [terms(f"{s.title} {s.heading} {s.text}") for s in self.sections]
        self._frequency = Counter(term for bag in bags for term in set(bag))
        self._index = _index([list(bag) for bag in bags])
        self._home = {
            sentence: section
            for section in self.sections
            for sentence, _ in sentences(section.text)
        }

    def search(self, query: tuple[str, ...], limit: int = 5) -> list[Hit]:
        """The best sections for some terms."""
        known = [term for term in query if term in self._frequency]
        if not known:
            return []
        scores = self._index.get_scores(known)
        best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:limit]
        return [
            Hit(self.sections[i], round(float(scores[i]) / (float(scores[i]) + 4.0), 4))
            for i in best
            if scores[i] > 0
        ]

    def weight(self, term: str) -> float:
        """How telling a term is: rare terms weigh more."""
        count = self._frequency.get(term, 0)
        return math.log(1.0 + (len(self.sections) + 1) / (1 + count))

    def home_of(self, sentence: str) -> Section | None:
        """The section that a sentence was copied from."""
        return self._home.get(sentence)

    def document(self, filename: str) -> str | None:
        """The text of a document by its name."""
        if not any(section.filename == filename for section in self.sections):
            return None
        return (self.folder / filename).read_text(encoding="utf-8", errors="replace")


def _index(bags: list[list[str]]) -> Any:
    index = bm25s.BM25()
    if any(bags):
        index.index(bags, show_progress=False)
    return index


def _sections(path: Path, folder: Path) -> list[Section]:
    text = path.read_text(encoding="utf-8", errors="replace")
    filename = path.relative_to(folder).as_posix()
    found = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    title = found.group(1).strip() if found else path.stem.replace("-", " ").title()
    parts = re.split(r"^(#{1,6}\s+.+)$", text, flags=re.MULTILINE)
    pairs = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    kept = [(head.lstrip("# ").strip(), body.strip()) for head, body in pairs if body.strip()]
    return [
        Section(
            f"{filename}#{number}",
            filename,
            title,
            head or title,
            body,
            frozenset(terms(f"{title} {head}")),
        )
        for number, (head, body) in enumerate(kept)
    ]
