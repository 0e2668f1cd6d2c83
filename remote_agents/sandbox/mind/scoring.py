"""How well a sentence answers a question: by the share of the question's weight that it covers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from remote_agents.sandbox.mind.knowledge import Hit
from remote_agents.sandbox.mind.reading import WANTS, Reading
from remote_agents.sandbox.mind.values import NUMERALS
from remote_agents.sandbox.mind.words import (
    EAST,
    Sentence,
    about_the_talk,
    kinship,
    pattern,
    spoken,
    terms,
)

WHEN, AMOUNT, WHO = (pattern(spoken(kind)) for kind in ("when", "amount", "who"))
MOMENT = pattern(
    r"\d{1,2}[:.]\d\d|\d ?(?:[ap]\.?m\b|uhr\b|o'clock|st\b|nd\b|rd\b|th\b)|\b[12]\d{3}\b"
    rf"|\b\d{{1,2}}\.\s|{spoken('month')}|{spoken('moment')}"
)
FIGURE = pattern(
    rf"(?<![\[\d.,A-Za-z])\d+(?:[.,:]\d+)*|[一二三四五六七八九十百千两]"
    rf"|\b(?:{NUMERALS})\b|{spoken('figure')}"
)
PERSON = re.compile(
    rf"(?<=[\w,.] )(?!(?i:{spoken('month')}))[A-ZÄÖÜ]\w*|[{EAST}]|{spoken('person')}"
)
# What is asked for, and what a sentence has that says it.
KINDS = ((WHEN, MOMENT), (AMOUNT, FIGURE), (WHO, PERSON))
LEAST = 0.5
GOES_ON = pattern(rf"\W*{spoken('goes on')}")


class Candidate(NamedTuple):
    """A sentence that may be the answer."""

    text: str
    score: float
    hit: Hit | None = None

    @property
    def page(self) -> str:
        """The title of the document that it stands in."""
        return self.hit.section.title if self.hit else ""


class Query(NamedTuple):
    """A question, how telling each of its terms is, and the least share of them to be said."""

    text: str
    weights: dict[str, float]
    least: float = LEAST

    def ranked(
        self, parts: Sequence[Sentence], worth: float = 1.0, hit: Hit | None = None
    ) -> list[Candidate]:
        """The parts that say enough of what is asked, best first; `worth` scales their scores."""
        found = []
        for at, part in enumerate(parts):
            share = self._covered(parts, at, hit)
            own = terms(part.text)
            first = 0 if WANTS.match(part.text) else sum(term in self.weights for term in own[:2])
            bonus = 0.02 * first + 0.1 * (self._unit(part.text) + (hit.score if hit else 0))
            score = (share + bonus - 0.002 * len(set(own))) * (0.6 if part.asks else 1)
            if share >= self.least and part.text not in self.text:
                found.append(Candidate(self._shown(part), worth * score, hit))
        return sorted(found, key=lambda one: -one.score)

    def _covered(self, parts: Sequence[Sentence], at: int, hit: Hit | None) -> float:
        """The share of the question that a part says, or what stands around it."""
        part = parts[at]
        above = hit.section.topics if hit else frozenset(terms(part.heading))
        before = parts[at - 1] if at and hit is None else Sentence("")
        fits, own = self._fits(part), {term for term in terms(part.text) if term.isalpha()}
        named = not part.label or self._named(part.label)
        topic = (
            set(terms(before.text)) <= self.weights.keys() and len(own - self.weights.keys()) < 3
        )
        carried = 0.8 * (fits and named and bool(topic or GOES_ON.match(part.text)))
        near = ((1.0, part.text), (0.9, part.label), (carried, before.text))
        around = ((0.7, above), *((share, terms(text)) for share, text in near))
        says = {t: max(share * kinship(t, words) for share, words in around) for t in self.weights}
        total = sum(self.weights.values()) or 1.0
        share = sum(self.weights[term] * share for term, share in says.items()) / total
        return share if fits else 0.6 * share

    def _fits(self, part: Sentence) -> bool:
        """Whether a sentence has what is asked for: a time, a figure or a name."""
        wanted = next((has for asks, has in KINDS if asks.search(self.text)), None)
        return not wanted or any(one[0] not in self.text for one in wanted.finditer(part.text))

    def _unit(self, text: str) -> bool:
        """Whether a figure that is asked for stands before a word of the question."""
        figures = FIGURE.finditer(text) if AMOUNT.search(self.text) else ()
        units = (unit for one in figures for unit in terms(text[one.end() :][:40])[:1])
        return any(unit.startswith(tuple(self.weights)) for unit in units)

    def _shown(self, part: Sentence) -> str:
        """A part with its label, if the label has to do with the question."""
        return f"{part.label}: {part.text}" if self._named(part.label) else part.text

    def _named(self, label: str) -> bool:
        return any(kinship(term, terms(label)) for term in self.weights)


def gist(parts: Sequence[Sentence], most: int = 3) -> list[Candidate]:
    """The sentences whose words are used most, in their order."""
    told = list(dict.fromkeys(p.text for p in parts if not p.asks and not _talks(p)))
    counts = Counter(term for part in parts for term in set(terms(part.text)))
    worth = {t: sum(counts[term] for term in terms(t)) / (3 + len(terms(t))) for t in told}
    best = sorted(told, key=lambda text: -worth[text])[:most]
    return [Candidate(text, 1.0) for text in told if text in best]


def talks(reading: Reading) -> bool:
    """Whether a text that asks nothing speaks of the talk itself."""
    return any(map(_talks, reading.told))


def _talks(part: Sentence) -> bool:
    words = terms(part.text)
    return sum(map(about_the_talk, words)) >= 0.4 * len(words)
