"""How well a sentence answers a question: by the share of the question's weight that it covers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from remote_agents.sandbox.mind.knowledge import Hit
from remote_agents.sandbox.mind.reading import WANTS, Reading
from remote_agents.sandbox.mind.words import EAST, Sentence, about_the_talk, kinship, terms

WHEN = re.compile(
    r"\b(?:when|what (?:time|year|date|day)|wann|(?:bis|ab|um) wie ?viel uhr)\b"
    r"|几[点时月]|何[时時]|什么时候|哪[天年]|いつ|언제|몇 시",
    re.IGNORECASE,
)
AMOUNT = re.compile(
    r"\b(?:how (?:many|much|long|often|far|late|early|old|high|tall|big|large|fast|deep|wide|heavy)"
    r"|what (?:number|price)|wie ?(?:viele?|lange|oft|hoch|teuer|gro(?:ß|ss)|alt|weit|spät|früh|"
    r"schwer|tief|schnell))\b|几|多[少久长大高远]|いくら|몇|얼마",
    re.IGNORECASE,
)
WHO = re.compile(r"\b(?:who|whom|wer|wen|wem)\b", re.IGNORECASE)
MOMENT = re.compile(
    r"\b\d{1,2}[:.]\d\d|\d ?(?:[ap]\.?m\b|uhr\b|o'clock|st\b|nd\b|rd\b|th\b)|\b[12]\d{3}\b"
    r"|\d[点时月年日:]|[一二三四五六七八九十][点月]|\b\d{1,2}\.\s|\b(?:jan|feb|mar|mär|apr|(?-i:M)ay|mai|jun|jul|"
    r"aug|sep|o[ck]t|nov|de[cz])[a-zä]*\b|\w+(?:day|tag)s?\b|\b(?:noon|midnight|mittags?|mitternacht|"
    r"(?:dai|week|month|year|annual)ly|every|never|always|once|after|before|during|until|within|when|"
    r"while|if|nie|immer|nach|vor|während|bis|wenn|sobald|täglich|wöchentlich|jede[rsn]?)\b",
    re.IGNORECASE,
)
FIGURE = re.compile(
    r"(?<!\[)\b\d+(?:[.,:]\d+)*|[一二三四五六七八九十百千两]|\b(?:one|two|three|four|five|six|seven|eight|nine|"
    r"ten|eleven|twelve|twenty|thirty|hundred|half|never|daily|weekly|monthly|zwei|drei|vier|fünf|"
    r"sechs|sieben|acht|neun|zehn|elf|zwölf|zwanzig|nie)\b",
    re.IGNORECASE,
)
PERSON = re.compile(
    rf"(?<=[\w,.] )[A-ZÄÖÜ]|[{EAST}]"
    r"|\b(?:\w{3,}(?:er|or|ant|ist|ee|man)s?|head|lead|staff|team|people|every\w+|nobody|you|all)\b"
)
KINDS = ((WHEN, MOMENT), (AMOUNT, FIGURE), (WHO, PERSON))
LEAST = 0.5
GOES_ON = re.compile(
    r"\W*(?:(?:it|its|they|their|this|these|he|she|there|er|sie|es|dies|diese[rs]?|dort)\b|[它他她这该其])",
    re.IGNORECASE,
)
TO_THE_MODEL = re.compile(
    r"\W*(?:you (?:are|will|must|should|can|have)|your (?:task|job|role)|du (?:bist|sollst|kannst)|"
    r"sie sind|deine aufgabe|never|always|do not|don't)\b|\W*你(?:是|要|必须|可以)",
    re.IGNORECASE,
)


class Candidate(NamedTuple):
    """A sentence that may be the answer."""

    text: str
    score: float
    hit: Hit | None = None


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
            share = self._covered(parts, at, hit) * (1.0 if self._fits(part.text) else 0.65)
            if share >= self.least:
                found.append(self._candidate(parts, at, hit, share, worth))
        return sorted(found, key=lambda one: -one.score)

    def _candidate(
        self, parts: Sequence[Sentence], at: int, hit: Hit | None, share: float, worth: float
    ) -> Candidate:
        part, own = parts[at], terms(parts[at].text)
        text = self._shown(part)
        score = share - 0.002 * len(set(own)) + self._unit(text)
        score += 0 if WANTS.match(text) else 0.02 * sum(term in self.weights for term in own[:2])
        if hit is not None:
            return Candidate(text, worth * (score + 0.1 * hit.score), hit)
        if self.weights.keys() >= set(own) and not FIGURE.search(text):
            follows = parts[at + 1].text if at + 1 < len(parts) and not part.asks else ""
            text, score = f"{text} {follows}".strip(), score * (1 if follows else 0.4)
        score *= (1 - 0.6 * self._talk(own)) * (0.6 if part.asks else 1)
        return Candidate(text, worth * score * (0.6 if TO_THE_MODEL.match(part.text) else 1))

    def _covered(self, parts: Sequence[Sentence], at: int, hit: Hit | None) -> float:
        """The share of the question that a part says, or what stands around it."""
        part = parts[at]
        above = hit.section.topics if hit else frozenset(terms(part.heading))
        before = parts[at - 1] if at and hit is None else Sentence("")
        carried = 0.7 if before.asks else 0.6 if GOES_ON.match(part.text) else 0.3
        around = (
            (1.0, terms(part.text)),
            (0.9, terms(part.label)),
            (0.7, above),
            (carried, terms(before.text)),
        )
        own = {t: max(share * kinship(t, said) for share, said in around) for t in self.weights}
        total = sum(self.weights.values()) or 1.0
        return sum(self.weights[term] * share for term, share in own.items()) / total

    def _talk(self, own: Sequence[str]) -> float:
        """The share of words that tell how to answer, where the question is not about that."""
        return sum(about_the_talk(t) and t not in self.weights for t in own) / max(1, len(own))

    def _fits(self, text: str) -> bool:
        """Whether a sentence has the kind of thing that is asked for: a time, a figure, a name."""
        wanted = next((has for asks, has in KINDS if asks.search(self.text)), None)
        return not wanted or any(one[0] not in self.text for one in wanted.finditer(text))

    def _unit(self, text: str) -> float:
        """More for a figure where one is asked for, most where its unit is."""
        if not AMOUNT.search(self.text):
            return 0.0
        units = [terms(text[figure.end() :][:40])[:1] for figure in FIGURE.finditer(text)]
        return 0.1 if any(term in self.weights for unit in units for term in unit) else 0.0

    def _shown(self, part: Sentence) -> str:
        """A part with its label, if the label has to do with the question."""
        named = any(kinship(term, terms(part.label)) for term in self.weights)
        return f"{part.label}: {part.text}" if part.label and named else part.text


def gist(parts: Sequence[Sentence], most: int = 3) -> list[Candidate]:
    """The sentences whose words are used most, in their order."""
    told = list(dict.fromkeys(p.text for p in parts if not p.asks and not _talks(p)))
    counts = Counter(term for part in parts for term in set(terms(part.text)))
    worth = {t: sum(counts[term] for term in terms(t)) / (3 + len(terms(t))) for t in told}
    best = sorted(told, key=lambda text: -worth[text])[:most]
    return [Candidate(text, 1.0) for text in told if text in best]


def talks(reading: Reading) -> bool:
    """Whether a text that asks nothing speaks of the talk itself, or to the model."""
    return any(map(_talks, reading.told))


def _talks(part: Sentence) -> bool:
    words = terms(part.text)
    talk = sum(map(about_the_talk, words)) >= 0.4 * len(words)
    return talk or bool(TO_THE_MODEL.match(part.text))
