"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from operator import ge, gt, le, lt
from typing import Any, NamedTuple, TypeVar

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.words import NUMBERS, NUMERALS, kinship, pattern, spoken, terms

T = TypeVar("T")
# A number, its unit, and the words after it.
NUMBER = pattern(
    r"((?<![\w.,:/[-])-?\d+(?:[.,]\d+)*(?![\d:/]|-(?!year)|[^\W\u4e00-\u9fff]*-\d)"
    rf"|(?<=[\u4e00-\u9fff])\d+(?:\.\d+)?(?![\d:])|\b(?:{NUMERALS})\b"
    r"|[一二三四五六七八九十两]+(?=[\u4e00-\u9fff]))"
    r"(?=([ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+)|))(?=([^\d.,;]{0,20}))"
)
GERMAN = re.compile(rf"{spoken('decimal comma')}|Euro\b")
LABEL = re.compile(r"([^\d.:]{1,40}): ")
EMAIL, URI, NEVER = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", r"https?://[^\s)\"'>]+", r"(?!)"
ISO_DATE, MONTH = r"\b\d{4}-\d{2}-\d{2}\b", rf"{spoken('month')}(?:\.(?=[ ,]))?"
DATE = (
    rf"{ISO_DATE}|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
    rf"|{spoken('day')}"
)
TIME = r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
WORD = r"[A-ZÄÖÜ][a-zß-ÿ][\w'’-]*"
# A name alone: the one that a sentence begins with and says something of, else the next.
SUBJECT = rf"^(?!{spoken('no name')}){WORD}(?=,| \w+[st]\b)"
A_NAME, CAPITALISED = spoken("a name"), rf"(?-i:{SUBJECT}|(?<=[\w,] ){WORD})"
PLACE = rf"(?-i:{spoken('before a place')} ({WORD}(?: {WORD})*))"
NAME = r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
# What the formats of a schema look like, and what obeys them where nothing is said.
FORMATS = {
    "date": (DATE, "2025-01-31"),
    "date-time": (NEVER, "2025-01-31T09:00:00Z"),
    "time": (NEVER, "09:00:00Z"),
    "email": (EMAIL, "people@northwind-harbor.example"),
    "uri": (URI, "https://northwind-harbor.example/handbook"),
    "uuid": (NEVER, "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d"),
    "ipv4": (NEVER, "127.0.0.1"),
    "duration": (NEVER, "P1D"),
}
# What a text field is for, by its name or description, and what it looks like in a sentence.
KINDS = [
    (spoken("an address"), EMAIL),
    (r"\b(?:url|link|website|uri)\b", URI),
    (spoken("a phone"), r"\+?\d[\d ()/-]{5,}\d"),
    (spoken("a date"), DATE),
    (spoken("a time"), TIME),
    (r"\b(?:version|release)\b", r"\bv?\d+(?:\.\d+)+\b"),
    (spoken("a place"), PLACE),
    (A_NAME, NAME),
]
AMOUNTS, ASKED, PROSE = (pattern(spoken(kind)) for kind in ("an amount", "question", "prose"))
BOUNDS = {"minimum": ge, "exclusiveMinimum": gt, "maximum": le, "exclusiveMaximum": lt}
NOT, IS = pattern(spoken("not")), pattern(rf"{spoken('is')}\s*|[=:：]\s*")
COMMA = re.compile(rf"[,，、]\s?(?:{spoken('or')}\s)?|\s?{spoken('or')}\s?", re.IGNORECASE)


class Field(NamedTuple):
    """What a value is for: its name with those of what it is part of, and its description."""

    title: str
    description: str


def number(schema: JsonObject, kind: str, field: Field, said: list[str], question: str) -> float:
    """The number with the unit that the field names, else the first that is allowed."""
    ends, step = [schema[bound] for bound in BOUNDS if bound in schema], schema.get("multipleOf", 1)
    tried = [value for _, value, _ in _figures(field, said, question)]
    tried += [0.0, *((end // step + by) * step for end in ends for by in (0, 1, -1, 0.5))]
    allowed = (v for v in tried if _within(v, schema) and (kind == "number" or v == int(v)))
    value = next(allowed, sum(ends) / 2)
    return int(value) if kind == "integer" or value == int(value) else value


def _within(value: float, schema: JsonObject) -> bool:
    step = schema.get("multipleOf", value or 1)
    held = (holds(value, schema[bound]) for bound, holds in BOUNDS.items() if bound in schema)
    return all(held) and not value % step


def _figures(field: Field, said: list[str], question: str) -> list[tuple[bool, float, str]]:
    """The numbers of some sentences that the question does not hold, those of the unit first.

    Each with whether its unit is the field's name, and with its unit.
    """
    german = bool(GERMAN.search(question))
    asked = {_value(word, german) for word, *_ in NUMBER.findall(question)}
    title = terms(field.title)
    names = [title[-1:], title, terms(field.description)]
    figures = list[tuple[list[int], float, str]]()
    for at, sentence in enumerate(said):
        label, german = LABEL.match(sentence), bool(GERMAN.search(sentence))
        for found in NUMBER.finditer(sentence):
            word, unit, after = found.groups()
            value, units = _value(word, german), terms(f"{label[1]} {after}" if label else after)
            before = terms(" ".join(sentence[: found.start()].rsplit(maxsplit=1)[-1:]))
            others = [not any(kinship(each, named) for each in units) for named in names]
            led = any(kinship(each, title) for each in before)
            article = value in (0, 1) and not word.isdigit()
            order = [article, *others, at, not led]
            figures += [(order, value, word + unit)] if value not in asked else []
    best = sorted(figures, key=lambda each: each[0])
    return [(not order[2], value, shown) for order, value, shown in best]


def _value(word: str, german: bool) -> float:
    if word.lower() in NUMBERS:
        return float(NUMBERS[word.lower()])
    if not word[-1].isdigit():
        tens, _, ones = word.rpartition("十")
        return float(10 * NUMBERS.get(tens, 1) + NUMBERS.get(ones, 0))
    if german:
        word = re.sub(r"\.(?=\d{3}\b)", "", word)
    whole, *rest = re.sub(r",(?=\d{3}\b)", "", word).replace(",", ".").split(".")
    return float(f"{whole}.{rest[0]}" if len(rest) == 1 else whole)


def text(
    schema: JsonObject, field: Field, said: list[str], others: list[str], question: str
) -> str:
    """What a text field wants of the sentences, a time, a price, a name, else all of the best.

    What tells itself by its form is looked for in other sentences as well.
    """
    form, default = FORMATS.get(schema.get("format", ""), ("", ""))
    if form:
        shown = _first(form, [*said, *others])
        return (_iso_date(shown) if shown and form is DATE else shown) or default
    found = question if ASKED.search(field.title) else _piece(field, said, others, question)
    value = [*said, *others][0] if found is None else found
    return value.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _iso_date(shown: str) -> str | None:
    """A date of any form as 2024-05-03; None without a year, or with a month of other languages."""
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)|(?<=\w)[,.](?= )", "", shown)
    for form in ("%Y-%m-%d", "%d %B %Y", "%B %d %Y", "%d %b %Y", "%d.%m.%Y", "%Y年%m月%d日"):
        with suppress(ValueError):
            return time.strftime("%Y-%m-%d", time.strptime(plain, form))
    return None


def _piece(field: Field, said: list[str], others: list[str], question: str) -> str | None:
    """The part of the sentences that a field is for; None for all of the best one."""
    if PROSE.search(field.title):
        return None
    about = " ".join(field)
    for kind, form in KINDS:
        if re.search(kind, about, re.IGNORECASE) and (found := _first(form, [*said, *others])):
            return found
    if not said and re.search(A_NAME, about) and (alone := _first(CAPITALISED, others)):
        return alone
    best = [*said, *others][0]
    if AMOUNTS.search(about) and (figures := _figures(field, [best], question)):
        return figures[0][2]
    _, *said_to_be = IS.split(best, maxsplit=1)
    clauses = [clause for what in said_to_be for clause in (what, re.split("[,，]", what)[0])]
    few = (what.strip(" .。\"'“”") for what in clauses if len(what) < 40)
    return next((what for what in few if 0 < len(what.split()) <= 4), None)


def _first(form: str, said: list[str]) -> str | None:
    found = (re.search(form, sentence, re.IGNORECASE) for sentence in said)
    return next((one[one.lastindex or 0].strip() for one in found if one), None)


def untyped(value: str, field: Field, said: list[str]) -> str | float | bool:
    """What a field without a type is: the number that it counts, or yes where it is so."""
    if set(terms(value)) <= set(terms(field.title)):
        return not NOT.search([*said, ""][0])
    counted = (figure for named, figure, _ in _figures(field, said[:1], "") if named)
    return next((int(each) if each == int(each) else each for each in counted), value)


def listed(said: list[str]) -> list[str]:
    """The things that the best sentence lists."""
    things = COMMA.split(IS.split(said[0])[-1].strip(" .。")) if said else []
    return things if len(things) > 2 and all(0 < len(thing.split()) < 4 for thing in things) else []


def nearest(options: Sequence[T], words: Collection[str], text: Callable[[T], str]) -> list[T]:
    """The options that share words with others, the best first and those nearly as good."""
    shared = [sum(kinship(term, words) for term in set(terms(text(one)))) for one in options]
    enough = max(0.3 * max(shared, default=0), 0.1)
    order = sorted(range(len(options)), key=lambda at: -shared[at])
    return [options[at] for at in order if shared[at] >= enough]


def choice(options: Sequence[Any], said: list[str]) -> Any:
    """The option that the sentences speak of, the best sentence first; else the first."""
    near = (option for text in said for option in nearest(options, terms(text), str))
    return next(near, options[0])
