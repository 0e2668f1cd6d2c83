"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import ge, gt, le, lt
from typing import Any, NamedTuple, TypeVar

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.reading import spaced
from remote_agents.sandbox.mind.words import NUMBERS, NUMERALS, kinship, pattern, spoken, terms

T = TypeVar("T")
NUMBER = pattern(
    r"(?<![\w.,:/-])-?\d+(?:[.,]\d+)*(?![\d:/-]|[^\W\u4e00-\u9fff]*-\d)"
    rf"|(?<=[\u4e00-\u9fff])\d+(?:\.\d+)?(?![\d:])|\b(?:{NUMERALS})\b"
    r"|[一二三四五六七八九十两]+(?=[\u4e00-\u9fff])"
)
UNIT = re.compile(
    r"[ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+)(?:[ \u00a0](?:per|pro|a|an|je)[ \u00a0][^\W\d_]+)?"
)
EMAIL, URI, NEVER = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", r"https?://[^\s)\"'>]+", r"(?!)"
ISO_DATE, MONTH = r"\b\d{4}-\d{2}-\d{2}\b", rf"{spoken('month')}\.?"
# What the formats of a schema look like, and what obeys them where nothing is said.
FORMATS = {
    "date": (ISO_DATE, "2025-01-31"),
    "date-time": (NEVER, "2025-01-31T09:00:00Z"),
    "time": (NEVER, "09:00:00Z"),
    "email": (EMAIL, "people@northwind-harbor.example"),
    "uri": (URI, "https://northwind-harbor.example/handbook"),
    "uuid": (NEVER, "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d"),
    "ipv4": (NEVER, "127.0.0.1"),
    "duration": (NEVER, "P1D"),
}
# What a text field is for, by its name or description, and what it looks like in a sentence.
KINDS = {
    spoken("an address"): EMAIL,
    r"\b(?:url|link|website|uri)\b": URI,
    spoken("a phone"): r"\+?\d[\d ()/-]{5,}\d",
    spoken("a date"): (
        rf"{ISO_DATE}|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日"
        rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
        rf"|{spoken('day')}"
    ),
    spoken("a time"): (
        r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
    ),
    r"\b(?:version|release)\b": r"\bv?\d+(?:\.\d+)+\b",
    spoken("a name"): (
        r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
    ),
}
AMOUNTS, ASKED, PROSE = (pattern(spoken(kind)) for kind in ("an amount", "question", "prose"))
BOUNDS = {"minimum": ge, "exclusiveMinimum": gt, "maximum": le, "exclusiveMaximum": lt}
NOT, IS = pattern(spoken("not")), pattern(rf"{spoken('is')}\s*|[=:：]\s*")
COMMA = re.compile(rf"[,，、]\s?(?:{spoken('or')}\s)?|\s?{spoken('or')}\s?", re.IGNORECASE)


class Field(NamedTuple):
    """What a value is for: the names that lead to it, and its description."""

    path: tuple[str, ...]
    description: str = ""

    @property
    def title(self) -> str:
        """What it is part of, and its name, as words."""
        return spaced(" ".join(self.path))

    @property
    def words(self) -> str:
        """All that is said about it."""
        return f"{self.title} {self.description.lower()}"


class Figure(NamedTuple):
    """A number of a sentence, as it stands there with its unit, and the words after it."""

    value: float
    shown: str
    after: str


def number(
    schema: JsonObject, kind: str, field: Field, said: Sequence[str], question: str
) -> int | float:
    """The number with the unit that the field names, else the first that is allowed."""
    ends, step = [schema[bound] for bound in BOUNDS if bound in schema], schema.get("multipleOf", 1)
    tried = [figure.value for figure in _figures(field, said, question)]
    tried += [0.0, *((end // step + by) * step for end in ends for by in (0, 1, -1, 0.5))]
    allowed = (v for v in tried if _within(v, schema) and (kind == "number" or v == int(v)))
    value = next(allowed, sum(ends) / 2)
    return int(value) if kind == "integer" or value == int(value) else value


def _within(value: float, schema: JsonObject) -> bool:
    step = schema.get("multipleOf", value or 1)
    held = (holds(value, schema[bound]) for bound, holds in BOUNDS.items() if bound in schema)
    return all(held) and not value % step


def _figures(field: Field, said: Sequence[str], question: str) -> list[Figure]:
    """The numbers of some sentences that the question does not hold, those of the unit first."""
    asked, named = {figure.value for figure in _numbers(question)}, terms(field.words)
    figures = [figure for text in said for figure in _numbers(text) if figure.value not in asked]
    return sorted(
        figures,
        key=lambda figure: (
            figure.value in (0, 1) and not figure.shown[0].isdigit(),  # an article
            not any(kinship(unit, named) for unit in terms(figure.after[:20])),
        ),
    )


def _numbers(text: str) -> Iterator[Figure]:
    for one in NUMBER.finditer(text):
        after = NUMBER.split(text[one.end() :], maxsplit=1)[0]
        unit = UNIT.match(after)
        yield Figure(_value(one[0], text), one[0] + (unit[0] if unit else ""), after)


def _value(word: str, text: str) -> float:
    if word.lower() in NUMBERS:
        return float(NUMBERS[word.lower()])
    if not word[-1].isdigit():
        tens, _, ones = word.rpartition("十")
        return float(10 * NUMBERS.get(tens, 1) + NUMBERS.get(ones, 0))
    if re.search(r"\b(?:der|die|das|und|ist|kostet|für|von)\b|Euro\b", text):
        word = re.sub(r"\.(?=\d{3}\b)", "", word)
    whole, *rest = re.sub(r",(?=\d{3}\b)", "", word).replace(",", ".").split(".")
    return float(f"{whole}.{rest[0]}" if len(rest) == 1 else whole)


def text(schema: JsonObject, field: Field, said: Sequence[str], question: str) -> str:
    """What a text field wants of the sentences, a time, a price, a name, else all of the best."""
    form, default = FORMATS.get(schema.get("format", ""), ("", ""))
    if form:
        return _first(form, said) or default
    found = question if ASKED.search(field.title) else _piece(field, said, question)
    return (found or said[0]).ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _piece(field: Field, said: Sequence[str], question: str) -> str | None:
    """The part of the sentences that a field is for; None for all of the best one."""
    if PROSE.search(field.title):
        return None
    for kind, form in KINDS.items():
        if re.search(kind, field.words) and (found := _first(form, said)):
            return found
    if AMOUNTS.search(field.words) and (figures := _figures(field, said[:1], question)):
        return figures[0].shown
    _, *said_to_be = IS.split(said[0], maxsplit=1)
    few = (what.strip(" .。\"'“”") for what in said_to_be if len(what) < 40)
    return next((what for what in few if 0 < len(what.split()) <= 4), None)


def _first(form: str, said: Sequence[str]) -> str | None:
    found = (re.search(form, sentence, re.IGNORECASE) for sentence in said)
    return next((one[0].strip() for one in found if one), None)


def listed(said: Sequence[str]) -> list[str]:
    """The things that the best sentence lists."""
    things = COMMA.split(IS.split(said[0])[-1].strip(" .。")) if said else []
    return things if len(things) > 2 and all(0 < len(thing.split()) < 4 for thing in things) else []


def nearest(
    options: Sequence[T], words: Collection[str], name: Callable[[T], str] = str
) -> list[T]:
    """The options that share words with others, the one with most first."""
    shared = {
        n: sum(kinship(term, words) for term in terms(name(o))) for n, o in enumerate(options)
    }
    return [options[n] for n in sorted(shared, key=lambda n: -shared[n]) if shared[n]]


def choice(options: Sequence[Any], said: Sequence[str]) -> Any:
    """The option that the sentences speak of, the best sentence first; else the first."""
    near = (option for text in said for option in nearest(options, terms(text)))
    return next(near, options[0])


def is_affirmed(sentence: str) -> bool:
    """Whether a sentence says that something is so."""
    return not NOT.search(sentence)
