"""How well a sentence answers a question: by the share of the question's weight that it covers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import pairwise
from typing import NamedTuple

from remote_agents.sandbox.mind.knowledge import Hit, Knowledge
from remote_agents.sandbox.mind.reading import Sentence, talks
from remote_agents.sandbox.mind.values import CAPITALISED, DATE, EMAIL, MONTH, NUMBER, TIME
from remote_agents.sandbox.mind.words import EAST, FAINT, kinship, pattern, spoken, terms

INSIDE = r"(?-i:(?<=[\w,.] )[A-ZÄÖÜ]\w*)"  # a capital letter that no sentence begins with
COSTS, MONEY, MOMENT, OR = map(spoken, ("costs", "money", "moment", "or"))
# What is asked for, and what a sentence has that says it.
KINDS = {
    "phone number": r"\d[\d ()/-]{5,}\d|\b\d{3,6}\b(?<!\b(?:19|20)\d\d)",
    "mail address": EMAIL,
    "when": rf"{TIME}|{DATE}|\d(?:st|nd|rd|th)\b|\b[12]\d{{3}}\b|\b\d\d?\.\s|{MONTH}|{MOMENT}",
    "price": rf"[€$£¥]|(?:\d\s?)?{MONEY}(?:\s?\d)?|{COSTS}\D{{1,40}}\d|\d\D{{1,40}}{COSTS}",
    "amount": rf"{NUMBER.pattern}|{spoken('figure')}",
    "where": spoken("place"),
    "who": rf"(?!{MONTH}|{spoken('day')})(?:{CAPITALISED}|{INSIDE})|[{EAST}]|{spoken('person')}",
}
ASKED = {kind: pattern(spoken(kind)) for kind in KINDS}
FORMS = {kind: pattern(form) for kind, form in KINDS.items()}
FOLLOW_UP = pattern(rf"^\W*{spoken('also')}|{spoken('refers')}")
PARTS = pattern(rf"(?:[?;,]\s+(?:{OR}\s+)?|\s+{OR}\s+|？)(?={spoken('asks')}|[{EAST}])")
LEAST = 0.49
GOES_ON = pattern(rf"\W*{spoken('refers')}")
NUMBERED = pattern(
    r"(?:^\W*(?:(?:the|der|die|das) )?|\b)(\w{3,}) #?([a-z]{0,3}\d[\w-]*)(?![\w-]| (?:to|bis) )"
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
    """A question, how telling each of its terms is, and what kind of thing it wants, if any."""

    text: str
    weights: dict[str, float]
    kind: str

    @classmethod
    def of(cls, text: str, topics: Sequence[str], knowledge: Knowledge) -> Query:
        """A question, with what it goes on with, and how telling documents make its terms."""
        own, topic = map(knowledge.weights, (text, " ".join(topics)))
        kind = next((kind for kind in KINDS if ASKED[kind].search(text)), "")
        # What tells itself by its form need not be said: a sentence with "@" is about an e-mail.
        form = ASKED[kind].findall(text) if kind in ("phone number", "mail address") else []
        faint = {*filter(FAINT.match, own), *terms(" ".join(form))}
        own = {term: weight * (0.3 if term in faint else 1) for term, weight in own.items()}
        share = 0.6 * (sum(own.values()) or 1.0) / (sum(topic.values()) or 1.0)
        weights = {term: share * weight for term, weight in topic.items()} | own
        return cls(text, weights, kind)

    def scored(
        self, parts: Sequence[Sentence], least: float = LEAST, hit: Hit | None = None
    ) -> Iterator[Candidate]:
        """The parts that say at least a share of what is asked."""
        before = Sentence("")
        for last, part in pairwise([before, *parts]):
            # "It" is what it was before.
            before = before if GOES_ON.match(last.text) and GOES_ON.match(part.text) else last
            score = self._covered(part, before)
            said = part.asks or part.text in self.text or part.text.endswith((":", "："))
            said = said or self._is_of_another(part)
            if score >= least and not said:
                words = terms(part.text)
                # The topic comes first; "after five years" is a condition, not what it is about.
                score += 0.02 * len({*words[:2]} & self.weights.keys() - {*_units(part.text)})
                # Of a document, the shorter of two that say as much.
                score = 0.6 * (score + 0.1 * hit.score - 0.002 * len({*words})) if hit else score
                label = f"{part.label}: " if self._named(terms(part.label)) else ""
                yield Candidate(label + part.text, score, hit)

    def _covered(self, part: Sentence, before: Sentence) -> float:
        """The share of the question that a part says, or what stands around it."""
        beside = 0.8 if self._goes_on(before, part) else 0.5 * (before.block == part.block)
        own, above = f"{part.label} {part.text}", f"{part.heading} {part.lead}"
        around = {1.0: terms(own), 0.7: terms(above), beside: terms(before.text)}
        said = sum(
            weight * max(share * kinship(term, words) for share, words in around.items())
            for term, weight in self.weights.items()
        )
        counted = self.kind == "amount" and self._named(_units(part.text))
        fits = not self.kind or part.answers or self._fits(part)
        share = said / (sum(self.weights.values()) or 1.0)
        return share * (1.0 if fits else 0.45) + 0.2 * counted

    def _goes_on(self, before: Sentence, part: Sentence) -> bool:
        """Whether a sentence is about what the one before it names."""
        if part.label and not self._named(terms(part.label)):
            return before.asks and part.answers
        short = sum(map(str.isalpha, terms(part.text))) < 3
        topic = before.text and set(terms(before.text)) <= self.weights.keys()
        return bool((short and topic) or GOES_ON.match(part.text))

    def _fits(self, part: Sentence) -> bool:
        """Whether a sentence has what is asked for, such as a time, and the question has not.

        A label that the question names tells it, whatever it looks like.
        """
        asked = "" if self.kind == "where" else self.text
        shown = FORMS[self.kind].finditer(part.text)
        named = {*terms(part.label)} & {*terms(self.text)}
        return bool(named) or any(one[0] not in asked for one in shown)

    def _is_of_another(self, part: Sentence) -> bool:
        """Whether a sentence is about flight LH204, and the question about flight LH999."""
        text = f"{part.label} {part.text}".strip().lower()
        # What a sentence begins with is no amount, as in "You get 25 days"; LH204 is none anywhere.
        told = {one[1] for one in _numbered(text) if not one.start() or one[2][0].isalpha()}
        asked = [one[2] for one in _numbered(self.text.lower()) if one[1] in told]
        return bool(asked) and not any(re.search(rf"\b{number}\b", text) for number in asked)

    def _named(self, words: tuple[str, ...]) -> bool:
        """Whether a label or a unit has to do with the question."""
        return any(kinship(term, words) for term in self.weights)


def _numbered(text: str) -> list[re.Match[str]]:
    """The things that a text may tell from others by a number."""
    return [found for found in NUMBERED.finditer(text) if terms(found[1])]


def _units(text: str) -> tuple[str, ...]:
    """What stands behind the numbers of a text."""
    return terms(" ".join(unit for _, unit, _ in NUMBER.findall(text)))


def gist(parts: Sequence[Sentence]) -> list[Candidate]:
    """The sentences whose words are used most, in their order."""
    said = (part for part in parts if not (part.asks or talks(part)))
    told = list(dict.fromkeys(part.text for part in said if not part.text.endswith((":", "："))))
    counts = Counter(term for part in parts for term in terms(part.text))
    best = nlargest(3, told, lambda t: sum(map(counts.__getitem__, terms(t))) / (3 + len(terms(t))))
    return [Candidate(text, 1.0) for text in told if text in best]


def parts_of(question: str) -> list[str]:
    """The questions that one question consists of."""
    parts = [part.strip(" ?.？") for part in PARTS.split(question)]
    asked = [f"{part[:1].upper()}{part[1:]}?" for part in parts]
    return asked if len(parts) > 1 and all(map(terms, parts)) else [question]


def followed(question: str, asked: Sequence[str]) -> list[str]:
    """What a question goes on with: the one before it, and the one that this goes on with."""
    if asked and (FOLLOW_UP.search(question.strip()) or len(terms(question)) <= 1):
        return [asked[0], *followed(asked[0], asked[1:2])]
    return []
