"""Words and sentences of a text in any language: what everything else here compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from configparser import ConfigParser
from functools import lru_cache, partial, wraps
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from bm25s.stopwords import STOPWORDS_EN_PLUS, STOPWORDS_GERMAN

T = TypeVar("T")
pattern = partial(re.compile, flags=re.IGNORECASE)
SHORT = 4_000
TALKERS = ("user", "assistant")
# Chinese, Japanese and Korean have no spaces: pairs of neighbours are the words.
EAST = r"\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
TOKEN = re.compile(rf"[{EAST}]+|[^\W_{EAST}]+(?:[-'\u2019][^\W_{EAST}]+)*")
LEADING = re.compile(r"^\s*(?:[-*+>•]+|\d+[.)])\s+")
WHOLE = re.compile(r"^.{,59}(?<!,)$|[.!?:。！？：]$")
MARKS = re.compile(r"\*\*|__|`|\[([^\]]*)\]\([^)]*\)")
LANGUAGES = ConfigParser(delimiters=("=",), interpolation=None)
LANGUAGES.read(Path(__file__).with_name("languages.ini"), encoding="utf-8")


def spoken(kind: str) -> str:
    """What says something in any language, as part of a pattern: whole words, where it has any."""
    known = (each for each in LANGUAGES.values() if kind in each)
    parts = (rf"\b(?:{each[kind]})\b" if "spaces" in each else each[kind] for each in known)
    return f"(?:{'|'.join(parts)})".replace("\n", "|")


def words_of(kind: str) -> list[list[str]]:
    """The words for something, a list for each language."""
    return [re.split(r"[|\n]", each[kind]) for each in LANGUAGES.values() if kind in each]


STOPWORDS = frozenset([*STOPWORDS_EN_PLUS, *STOPWORDS_GERMAN, *chain(*words_of("stopwords"))])
TALK, EAST_COMMON = pattern(spoken("talk")), re.compile(spoken("common"))
SYNONYMS = {
    word: name
    for name, words in re.findall(r"(\w+): ([\w ]+)", spoken("synonyms"))
    for word in words.split()
}
# Where a sentence ends: not after an abbreviation, nor before a month or a small letter.
END = re.compile(
    rf"(?i:{spoken('abbreviation')}\.\s)|(?i:\d\.\s(?={spoken('month')}))"
    rf"|(?P<end>(?:[.!?…][\"'”’»)\]}}*]*(?:\s+(?![a-zß-ÿ])|(?=[{EAST}]))|[。！？]+[」』”]*\s*))"
)


class Sentence(NamedTuple):
    """A sentence, the heading above, the paragraph that it is in, and what it is labelled as."""

    text: str
    heading: str = ""
    block: int = 0
    label: str = ""

    @property
    def asks(self) -> bool:
        """Whether it ends as a question does."""
        return self.text.rstrip("\"'”’»」』)*_ ").endswith(("?", "？"))


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of a text for short texts: long ones would fill the memory."""
    cached = lru_cache(maxsize=16_384)(function)
    return wraps(function)(lambda text: (cached if len(text) < SHORT else function)(text))


def topic_words(text: str) -> list[str]:
    """The content words of a text as they stand."""
    return [word for word in TOKEN.findall(text.lower()) if word not in STOPWORDS]


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order.

    Example:
        >>> terms("How many days? 食堂几点开门？")
        ('day', '食堂', '点开', '开门')
    """
    words = topic_words(re.sub(r"\b(part|full) time\b", r"\1-time", text, flags=re.IGNORECASE))
    return tuple(
        term
        for word in words
        for term in (_pairs(word) if re.match(f"[{EAST}]", word) else [_stem(word)])
    )


def _pairs(run: str) -> list[str]:
    """The words of a run of characters without spaces: its pairs of neighbours."""
    parts = filter(None, EAST_COMMON.split(run))
    return [part[i : i + 2] for part in parts for i in range(max(1, len(part) - 1))]


def _stem(word: str) -> str:
    word = re.sub(r"['\u2019]s$", "", word)
    word = re.sub(r"(?<=\w\w)ies$", "y", re.sub(r"(?<=ss|ch|sh|\wx)es$", "", word))
    word = re.sub(r"(?<=\w\w[^sui])s$", "", word)
    return re.sub(r"(?<=\w{3})(?:ing|ed|ee|e)$", "", SYNONYMS.get(word, word))


def about_the_talk(term: str) -> bool:
    """Whether a term speaks of question, answer and form rather than of a topic."""
    return bool(TALK.match(term))


def kinship(term: str, others: Collection[str]) -> float:
    """How much of a term others say: all, or most where one begins with the other."""
    if term in others or len(term) < 5:
        return float(term in others)
    return 0.9 * any(
        len(other) >= 5 and (other.startswith(term) or term.startswith(other)) for other in others
    )


@remembered
def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text, each with the heading that it stands under."""
    found: list[Sentence] = []
    heading = columns = ""
    for number, block in enumerate(_blocks(text)):
        if block.startswith("#"):
            heading, columns = block.lstrip("# ").strip(), ""
            continue
        columns = (columns or block) if block.startswith("|") else ""
        above = heading if columns in ("", block) else f"{heading} {columns}"
        row = ": ".join(cell.strip() for cell in block.strip("|").split("|")) if columns else block
        found += [Sentence(part, above, number) for part in _parted(row)]
    return tuple(found)


def _parted(block: str) -> list[str]:
    """The sentences of one paragraph."""
    parts = END.sub(lambda end: f"{end[0]}\n" if end["end"] else end[0], block).split("\n")
    return [part.strip() for part in parts if TOKEN.search(part)]


def _blocks(text: str) -> list[str]:
    """Lines, joined where a paragraph was wrapped."""
    blocks: list[str] = []
    joinable = item = False
    for line in text.splitlines():
        clean = MARKS.sub(r"\1", LEADING.sub("", line)).strip()
        alone = clean.startswith(("#", "|"))
        marked = bool(LEADING.match(line))
        goes_on = joinable or (item and line[:1].isspace())
        if goes_on and clean and not alone and not marked:
            blocks[-1] += f" {clean}"
        elif clean:
            blocks.append(clean)
        item = bool(clean) and (marked or (item and goes_on))
        joinable = bool(clean) and not alone and not WHOLE.search(blocks[-1])
    return blocks
