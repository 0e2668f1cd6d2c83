"""Words of a text in any language: what everything else here compares."""

from __future__ import annotations

import re
from collections.abc import Callable
from configparser import ConfigParser
from functools import lru_cache, partial, wraps
from itertools import chain
from pathlib import Path
from typing import TypeVar

from bm25s.stopwords import STOPWORDS_EN_PLUS, STOPWORDS_GERMAN

T = TypeVar("T")
pattern = partial(re.compile, flags=re.IGNORECASE)
# Chinese, Japanese and Korean have no spaces: pairs of neighbours are the words.
EAST = r"\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# In Indian scripts vowels are marks, which Python takes for no part of a word.
LETTER = rf"(?:[^\W_{EAST}]|[\u0900-\u0963\u0966-\u0dff])"
TOKEN = re.compile(rf"[{EAST}]+|{LETTER}+(?:[-'\u2019]{LETTER}+)*")
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
TALK, FAINT = pattern(spoken("talk")), pattern(rf"{spoken('talk')}|{spoken('faint')}")
EAST_COMMON = re.compile(spoken("common"))
SYNONYMS = [words.split() for words in chain(*words_of("synonyms"))]
SAME = {word.replace("_", " "): same[0] for same in SYNONYMS for word in same}
# Backwards, "phone number" comes before "phone".
SYNONYM = re.compile(rf"(?<![^\W{EAST}])({'|'.join(sorted(SAME)[::-1])})(?:e?s)?(?![^\W{EAST}])")
UMLAUTS = str.maketrans("äöü", "aou")
NUMBERS = {w: n for each in words_of("number") for n, same in enumerate(each) for w in same.split()}
NUMERALS = "|".join(word for word in NUMBERS if word < "一")


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of a text for short texts: long ones would fill the memory."""
    cached = lru_cache(maxsize=16_384)(function)
    return wraps(function)(lambda text: (cached if len(text) < 4_000 else function)(text))


def topic_words(text: str) -> list[str]:
    """The content words of a text as they stand."""
    words = (word.removesuffix("'s") for word in TOKEN.findall(text.lower().replace("\u2019", "'")))
    return [word for word in words if word not in STOPWORDS]


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order.

    Example:
        >>> terms("How many days? 食堂几点开门？")
        ('day', '食堂', '开门')
    """
    said = SYNONYM.sub(lambda found: f" {SAME[found[1]]} ", text.lower())
    return tuple(term for word in topic_words(said) for term in _stems(word))


@remembered
def _stems(word: str) -> list[str]:
    """A word without its ending; of a run of characters without spaces the pairs of neighbours."""
    if re.match(f"[{EAST}]", word):
        parts = filter(None, EAST_COMMON.split(word))
        return [part[at : at + 2] for part in parts for at in range(max(1, len(part) - 1))]
    word = re.sub("(?<!q)([aou])e", r"\1", str(NUMBERS.get(word, word)).translate(UMLAUTS))
    word = re.sub(r"^(ab|an|auf|aus|ein|um|vor|zu)ge(?=\w{3})", r"\1", word)
    word = re.sub(r"(?<=\w\w)ies$", "y", re.sub(r"(?<=ss|ch|sh|\wx)es$", "", word))
    word = re.sub(r"(?<=\w\w[^sui])s$", "", word)
    return [re.sub(r"(?<=\w{3})(?:ing|ed|ee?|(?<=\w)e[rnm])$", "", word)]


@remembered
def topics(text: str) -> tuple[str, ...]:
    """The terms that speak of a topic rather than of question, answer and form."""
    return tuple(term for term in terms(text) if not TALK.match(term))


def kinship(term: str, others: tuple[str, ...]) -> float:
    """How much of a term others say: all, or most where one begins as it does or is a part."""
    if term in others:
        return 1.0
    return (_resemblance if len(others) < 100 else _resemblance.__wrapped__)(term, others)


@lru_cache(maxsize=16_384)
def _resemblance(term: str, others: tuple[str, ...]) -> float:
    longer = [other for other in others if len(other) >= 5] if len(term) >= 5 else []
    return 0.75 * any(term in o or o in term or term[:6] == o[:6] for o in longer)
