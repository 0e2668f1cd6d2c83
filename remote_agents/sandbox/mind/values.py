"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from operator import ge, gt, le, lt
from typing import Any, NamedTuple, TypeVar

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.words import NUMBERS, NUMERALS, kinship, pattern, spoken, terms

T = TypeVar("T")
# A number, its unit, and the words after it.
NUMBER = pattern(
    r"((?<![a-zß-ÿ\d_.,:/[-])-?\d+(?:[.,]\d+)*(?![\d:/]|-(?!year)|[^\W\u4e00-\u9fff]*-\d)"
    rf"|\b(?:{NUMERALS})\b|[一二三四五六七八九十两]+(?=[\u4e00-\u9fff]))"
    r"(?=([ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+)|))(?=([^\d.,;]{0,20}))"
)
NEVER = r"(?!)"
EMAIL, MONTH = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", rf"{spoken('month')}(?:\.(?=[ ,]))?"
DATE = (
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
    rf"|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日|{spoken('day')}"
)
TIME = r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
WORD = r"[A-ZÄÖÜ][a-zß-ÿ][\w'’-]*"
CAPITALISED = rf"(?-i:\b(?!{spoken('no name')}){WORD})"
PLACE = rf"(?-i:{spoken('before a place')} ({WORD}(?: {WORD})*))"
NAME = r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
# What a text is for, by the format that its schema has or else by these words in its field: what it
# looks like in a sentence, and what obeys the format where nothing is said.
KINDS = {
    "email": (spoken("an address"), EMAIL, "people@northwind-harbor.example"),
    "uri": (spoken("a link"), r"https?://[^\s)\"'>]+", "https://northwind-harbor.example/handbook"),
    "phone": (spoken("a phone"), r"\+?\d[\d ()/-]{5,}\d", ""),
    "date": (spoken("a date"), DATE, "2025-01-31"),
    "hour": (spoken("a time"), TIME, ""),
    "place": (spoken("a place"), PLACE, ""),
    "colour": (spoken("a colour"), spoken("colour"), ""),
    "name": (spoken("a name"), NAME, ""),
    "version": (spoken("a version"), r"\bv?\d+(?:\.\d+)+\b", ""),
    "date-time": (NEVER, r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)", "2025-01-31T09:00:00Z"),
    "time": (NEVER, NEVER, "09:00:00Z"),
    "uuid": (NEVER, NEVER, "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d"),
    "ipv4": (NEVER, r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "127.0.0.1"),
    "duration": (NEVER, NEVER, "P1D"),
}
BOUNDS = {"minimum": ge, "exclusiveMinimum": gt, "maximum": le, "exclusiveMaximum": lt}
NOT, AMOUNT, GERMAN = map(pattern, map(spoken, ("not", "an amount", "decimal comma")))
# Fields for the question itself, and for whole sentences.
ASKED, PROSE = (pattern(rf"{spoken(kind)}\Z") for kind in ("question", "prose"))
IS = pattern(rf"(?:{spoken('is')}|[=:：])\s*")
# What a sentence says that something is, in a few words.
SAID_TO_BE = rf"{IS.pattern}[\"'“]?([^\s,，]+?(?: [^\s,，]+?){{0,3}}?)(?=[.。\"'”]*$|[,，])"
COMMA = pattern(rf"[,，、]\s?(?:{spoken('or')}\s)?|\s?{spoken('or')}\s?")


class Field(NamedTuple):
    """What a value is for: its name with those of what it is part of, and its description."""

    title: str
    description: str


def number(schema: JsonObject, kind: str, field: Field, said: list[str], question: str) -> float:
    """The number with the unit that the field names, else the first that is allowed."""
    step = schema.get("multipleOf", kind == "integer")
    bounds = [(schema[name], holds) for name, holds in BOUNDS.items() if name in schema]
    near = [(end // (step or 1) + by) * (step or 1) for end, _ in bounds for by in (0, 1, -1)]
    tried = [value for _, value, _ in _figures(field, said, question)] + [0.0, *near]
    fitting = (value for value in tried if not (step and value % step))
    allowed = (value for value in fitting if all(holds(value, end) for end, holds in bounds))
    value = next(allowed, sum(end for end, _ in bounds) / 2)
    return int(value) if value == int(value) else value


def _figures(field: Field, said: Sequence[str], question: str) -> list[tuple[bool, float, str]]:
    """The numbers of some sentences that the question does not hold, those of the unit first.

    Each with whether the field names its unit or the word before it, and as it is written, with
    its unit.
    """
    asked = {_value(word, question) for word, *_ in NUMBER.findall(question)}
    title, figures = terms(field.title), list[tuple[list[float], float, str]]()
    for at, sentence in enumerate(said):
        for found in NUMBER.finditer(sentence):
            value, units = _value(found[1], f"{sentence} {question}"), terms(found[3])
            unit = found[2] if len(found[2]) < 3 or terms(found[2]) else ""
            before = terms(" ".join(sentence[: found.start()].rsplit(maxsplit=1)[-1:]))
            article = value in (0, 1) and not found[1].isdigit()
            fits = [_akin(units, title[-1:]), _akin(units, terms(" ".join(field)))]
            figures += [([not article, *fits, -at, _akin(before, title)], value, found[1] + unit)]
    best = sorted(figures, key=lambda figure: figure[0], reverse=True)
    return [
        (fits[2] > 0 or fits[-1] > 0, value, shown)
        for fits, value, shown in best
        if value not in asked
    ]


def _akin(words: Sequence[str], names: Sequence[str]) -> bool:
    return any(kinship(word, names) for word in words)


def _value(word: str, text: str) -> float:
    if word.lower() in NUMBERS:
        return float(NUMBERS[word.lower()])
    if not word[-1].isdigit():
        tens, _, ones = word.rpartition("十")
        return float(10 * NUMBERS.get(tens, 1) + NUMBERS.get(ones, 0))
    # A separator before exactly three digits divides thousands, a single point in German only.
    single = re.fullmatch(r"-?\d+\.\d+", word) and not GERMAN.search(text)
    plain = word if single else re.sub(r"(?<!\b0)[.,](?=\d{3}\b)", "", word).replace(",", ".")
    return float(".".join(plain.split(".")[:2]))


def text(
    schema: JsonObject, field: Field, said: list[str], others: list[str], question: str
) -> str:
    """What a text field wants of the sentences, a time, a price, a name, else all of the best.

    What tells itself by its form is looked for in other sentences as well.
    """
    _, form, default = KINDS.get(schema.get("format", ""), (NEVER, NEVER, ""))
    if default:
        shown = _all(form, [*said, *others])
        return next(filter(None, map(_iso_date, shown) if form is DATE else shown), default)
    asked = question if ASKED.search(field.title) else piece(field, said, others, question)
    value = asked or [*said, *others][0]
    return value.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _iso_date(shown: str) -> str | None:
    """A date of any form as 2024-05-03; None without a year, or with a month of other languages."""
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)|(?<=\w)[,.](?= )", "", shown)
    for form in ("%Y-%m-%d", "%d %B %Y", "%B %d %Y", "%d %b %Y", "%d.%m.%Y", "%Y年%m月%d日"):
        with suppress(ValueError):
            return time.strftime("%Y-%m-%d", time.strptime(plain, form))
    return None


def piece(field: Field, said: list[str], others: list[str], question: str) -> str | None:
    """The part of the sentences that a field is for; None for all of the best one."""
    if PROSE.search(field.title):
        return None
    known, about = [*said, *others], " ".join(field)
    wanted = [form for words, form, _ in KINDS.values() if re.search(words, about, re.IGNORECASE)]
    words = field.title.split()
    labels = "|".join(re.escape(" ".join(words[at:])) for at in range(len(words)))
    labelled = [*_all(rf"^(?:{labels})\s?[:=：]\s*(.+?)[.。]?$", said if words else [])][:1]
    found = [_first(form, labelled) for form in wanted] + labelled
    found += [_first(form, known) for form in wanted]
    if AMOUNT.search(about):
        found += [shown for *_, shown in _figures(field, known[:1], question)]
    found += [_first(SAID_TO_BE, said[:1])]
    found += [_first(CAPITALISED, known)] if NAME in wanted else []
    return next(filter(None, found), None)


def _all(form: str, said: list[str]) -> Iterator[str]:
    found = (one for sentence in said for one in re.finditer(form, sentence, re.IGNORECASE))
    return (one[one.lastindex or 0].strip() for one in found)


def _first(form: str, said: list[str]) -> str | None:
    return next(_all(form, said), None)


def guessed(field: Field, said: list[str]) -> str:
    """The type of a field that has none: a number that is counted, what is so, or a text."""
    if said and set(terms(said[0])) <= set(terms(field.title)):
        return "boolean"
    figures = _figures(field, said[:1], "")
    counts = AMOUNT.search(" ".join(field)) or any(named for named, *_ in figures)
    return "number" if figures and counts else "string"


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
