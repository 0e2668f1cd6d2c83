"""How well a sentence answers a question: by the share of the question's weight that it covers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from remote_agents.sandbox.mind.knowledge import Hit
from remote_agents.sandbox.mind.reading import WANTS, Reading
from remote_agents.sandbox.mind.values import NUMERALS
from remote_agents.sandbox.mind.words import EAST, Sentence, about_the_talk, kinship, pattern, terms

WHEN = pattern(
    r"\b(?:when|what (?:time|year|date|day)|wann|(?:bis|ab|um) wie ?viel uhr)\b"
    r"|几[点时月]|何[时時]|什么时候|哪[天年]|いつ|언제|몇 시"
)
AMOUNT = pattern(
    r"\b(?:how (?:many|much|long|often|far|late|early|old|high|tall|big|large|fast|deep|wide|heavy)"
    r"|what (?:number|price)|wie ?(?:viele?|lange|oft|hoch|teuer|gro(?:ß|ss)|alt|weit|spät|früh|"
    r"schwer|tief|schnell))\b|几|多[少久长大高远]|いくら|몇|얼마"
)
WHO = pattern(r"\b(?:who|whom|wer|wen|wem)\b")
MOMENT = pattern(
    r"\b\d{1,2}[:.]\d\d|\d ?(?:[ap]\.?m\b|uhr\b|o'clock|st\b|nd\b|rd\b|th\b)|\b[12]\d{3}\b"
    r"|\d[点时月年日:]|[一二三四五六七八九十][点月]|\b\d{1,2}\.\s|\b(?:jan|feb|mar|mär|apr|(?-i:M)ay|mai|jun|jul|"
    r"aug|sep|o[ck]t|nov|de[cz])[a-zä]*\b|\w+(?:day|tag)s?\b|\b(?:noon|midnight|mittags?|mitternacht|"
    r"(?:dai|week|month|year|annual)ly|every|never|always|once|after|before|during|until|within|when|"
    r"while|if|nie|immer|nach|vor|während|bis|wenn|sobald|täglich|wöchentlich|jede[rsn]?)\b"
)
FIGURE = pattern(
    rf"(?<![\[\d.,A-Za-z])\d+(?:[.,:]\d+)*|[一二三四五六七八九十百千两]|\b(?:{NUMERALS}|twenty|thirty|"
    r"hundred|half|never|daily|weekly|monthly|zwanzig|nie)\b"
)
PERSON = re.compile(
    rf"(?<=[\w,.] )[A-ZÄÖÜ]|[{EAST}]"
    r"|\b(?:\w{3,}(?:er|or|ant|ist|ee|man)s?|head|lead|staff|team|people|every\w+|nobody|you|all)\b"
)
KINDS = ((WHEN, MOMENT), (AMOUNT, FIGURE), (WHO, PERSON))
LEAST = 0.5
GOES_ON = pattern(
    r"\W*(?:(?:it|its|they|their|this|these|he|she|there|er|sie|es|dies|diese[rs]?|dort)\b|[它他她这该其])"
)


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
            bonus = 0.02 * first + self._unit(part.text) + (0.1 * hit.score if hit else 0)
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
        carried = 0.8 if fits and named and (topic or GOES_ON.match(part.text)) else 0.3
        said = ((1.0, part.text), (0.9, part.label), (carried, before.text))
        around = ((0.7, above), *((share, terms(text)) for share, text in said))
        says = {t: max(share * kinship(t, said) for share, said in around) for t in self.weights}
        total = sum(self.weights.values()) or 1.0
        share = sum(self.weights[term] * share for term, share in says.items()) / total
        return share if fits else 0.6 * share

    def _fits(self, part: Sentence) -> bool:
        """Whether a sentence has what is asked for, a time or a figure or a name, or the topic."""
        wanted = next((has for asks, has in KINDS if asks.search(self.text)), None)
        if wanted:
            return any(one[0] not in self.text for one in wanted.finditer(part.text))
        return any(kinship(term, terms(f"{part.label} {part.text}")) for term in self.weights)

    def _unit(self, text: str) -> float:
        """More for the figure that is asked for, with its unit."""
        figures = FIGURE.finditer(text) if AMOUNT.search(self.text) else ()
        units = (term for one in figures for term in terms(text[one.end() :][:40])[:1])
        return 0.1 if any(term in self.weights for term in units) else 0.0

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
